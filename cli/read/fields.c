/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of a Dnstap message as text.
 */
#include "cli/read/fields.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <ldns/ldns.h>
#include <string.h>

#define NS_PER_S 1000000000

void put(ldns_buffer *out, const void *data, size_t size)
{
	if (ldns_buffer_reserve(out, size))
		ldns_buffer_write(out, data, size);
}

void put_text(ldns_buffer *out, const char *text)
{
	put(out, text, strlen(text));
}

void put_enum(ldns_buffer *out, const ProtobufCEnumDescriptor *descriptor,
	      int value)
{
	const ProtobufCEnumValue *known =
		protobuf_c_enum_descriptor_get_value(descriptor, value);

	if (known)
		put_text(out, known->name);
	else
		ldns_buffer_printf(out, "%d", value);
}

void put_address(ldns_buffer *out, const ProtobufCBinaryData *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (address->len == 4) {
		put_text(out,
			 inet_ntop(AF_INET, address->data, text, sizeof(text)));
	} else if (address->len == 16 && !memcmp(address->data, mapped, 12)) {
		put_text(out, inet_ntop(AF_INET, address->data + 12, text,
					sizeof(text)));
	} else if (address->len == 16) {
		put_text(out, inet_ntop(AF_INET6, address->data, text,
					sizeof(text)));
	} else {
		put_text(out, "?");
		for (size_t i = 0; i < address->len; i++)
			ldns_buffer_printf(out, "%02x", address->data[i]);
	}
}

void put_zone(ldns_buffer *out, const ProtobufCBinaryData *zone)
{
	ldns_rdf *name;
	size_t used = 0;

	if (ldns_wire2dname(&name, zone->data, zone->len, &used)) {
		put_text(out, "malformed name");
		return;
	}
	ldns_rdf2buffer_str_dname(out, name);
	ldns_rdf_deep_free(name);
}

void put_time(ldns_buffer *out, uint64_t seconds, uint32_t nanoseconds,
	      char separator)
{
	time_t time = (time_t)(seconds + nanoseconds / NS_PER_S);
	char text[64], fraction[16];
	struct tm tm;
	size_t n;

	if (!gmtime_r(&time, &tm)) {
		ldns_buffer_printf(out, "@%" PRIu64, seconds);
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	*strchr(text, ' ') = separator;
	put_text(out, text);
	n = snprintf(fraction, sizeof(fraction), ".%09u",
		     nanoseconds % NS_PER_S);
	while (fraction[n - 1] == '0')
		n--;
	put(out, fraction, n > 1 ? n : 0);
}

/* The octets of the UTF-8 character at `p`, RFC 3629; 0: there is none. */
static size_t utf8(const uint8_t *p, size_t size, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : 0;

	*code = p[0];
	if (p[0] >= 0xc2 && p[0] <= 0xf4) {
		n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
		*code = p[0] & (0x7f >> n);
	}
	if (n > size)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3f);
	}
	if (n > 1 && (*code < least[n] || *code > 0x10ffff ||
		      (*code >= 0xd800 && *code < 0xe000)))
		return 0;
	return n;
}

/* What terminals may take for a command: C0, DEL and C1. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

size_t printable(const void *p, size_t size)
{
	uint32_t code;
	size_t n = utf8(p, size, &code);

	return n && !is_control(code) ? n : 0;
}

/* A letter behind a backslash for control characters. */
static bool put_letter(ldns_buffer *out, uint32_t code, const char *codes,
		       const char *letters)
{
	const char *found = code ? strchr(codes, (int)code) : NULL;

	if (!found)
		return false;
	ldns_buffer_printf(out, "\\%c", letters[found - codes]);
	return true;
}

void put_json(ldns_buffer *out, const void *data, size_t size)
{
	const uint8_t *p = data;
	uint32_t code;

	put_text(out, "\"");
	for (size_t n; size > 0; p += n, size -= n) {
		n = utf8(p, size, &code);
		if (n == 0) {
			put_text(out, "\\ufffd");
			n = 1;
		} else if (code < 0x80 &&
			   put_letter(out, code, "\"\\\n\r\t", "\"\\nrt")) {
			continue;
		} else if (is_control(code) || code == 0x2028 ||
			   code == 0x2029 ||
			   (code < 0x80 && strchr("<>&", (int)code))) {
			ldns_buffer_printf(out, "\\u%04x", code);
		} else {
			put(out, p, n);
		}
	}
	put_text(out, "\"");
}

void put_quoted(ldns_buffer *out, const void *data, size_t size)
{
	const uint8_t *p = data;
	uint32_t code;

	put_text(out, "\"");
	for (size_t n; size > 0; p += n, size -= n) {
		n = utf8(p, size, &code);
		if (n == 0 || (n == 1 && is_control(code))) {
			n = 1;
			if (!put_letter(out, *p, "\a\b\f\n\r\t\v", "abfnrtv"))
				ldns_buffer_printf(out, "\\x%02x", *p);
		} else if (is_control(code)) {
			ldns_buffer_printf(out, "\\u%04x", code);
		} else if (code >= 0x80 ||
			   !put_letter(out, code, "\"\\", "\"\\")) {
			put(out, p, n);
		}
	}
	put_text(out, "\"");
}

bool dnstap_is_query(const Dnstap__Message *message)
{
	/* The schema numbers every query odd, and its response next to it. */
	return message->type & 1;
}
