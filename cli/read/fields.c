/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of a Dnstap message as text.
 */
#include "cli/read/fields.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <ldns/ldns.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/read/dns_message.h"
#include "proto/common.h"
#include "proto/utf8.h"

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
		     (unsigned)(nanoseconds % NS_PER_S));
	while (fraction[n - 1] == '0')
		n--;
	put(out, fraction, n > 1 ? n : 0);
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

/* Beyond 16 bits as a pair of surrogates (RFC 8259 7). */
static void put_utf16(ldns_buffer *out, uint32_t code)
{
	if (code < 0x10000)
		ldns_buffer_printf(out, "\\u%04x", code);
	else
		ldns_buffer_printf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
				   0xdc00 + (code & 0x3ff));
}

void put_json(ldns_buffer *out, const void *data, size_t size)
{
	const char *p = size ? data : "", *end = p + size;
	uint32_t code;

	put_text(out, "\"");
	for (unsigned n; p < end; p += n) {
		n = utf8_decode(p, end, &code);
		if (code == UTF8_INVALID)
			put_text(out, "\\ufffd");
		else if (code < 0x80 &&
			 put_letter(out, code, "\"\\\n\r\t", "\"\\nrt"))
			continue;
		else if (utf8_is_control(code) ||
			 (code < 0x80 && strchr("<>&", (int)code)))
			put_utf16(out, code);
		else
			put(out, p, n);
	}
	put_text(out, "\"");
}

/* An octet that is a control character, or no character. */
static void put_octet(ldns_buffer *out, uint8_t octet)
{
	if (!put_letter(out, octet, "\a\b\f\n\r\t\v", "abfnrtv"))
		ldns_buffer_printf(out, "\\x%02x", octet);
}

void put_quoted(ldns_buffer *out, const void *data, size_t size)
{
	const char *p = size ? data : "", *end = p + size;
	uint32_t code;

	put_text(out, "\"");
	for (unsigned n; p < end; p += n) {
		n = utf8_decode(p, end, &code);
		if (n == 1 && (code == UTF8_INVALID || utf8_is_control(code)))
			put_octet(out, (uint8_t)*p);
		else if (utf8_is_control(code))
			ldns_buffer_printf(
				out, code < 0x10000 ? "\\u%04x" : "\\U%08x",
				code);
		else if (code >= 0x80 || !put_letter(out, code, "\"\\", "\"\\"))
			put(out, p, n);
	}
	put_text(out, "\"");
}

static void write_zone(ldns_buffer *out, const struct field_writers *write,
		       const Dnstap__Message *m)
{
	ldns_buffer *text;

	if (!m->has_query_zone)
		return;
	text = ldns_buffer_new(LDNS_MAX_DOMAINLEN);
	if (!text)
		return;
	put_zone(text, &m->query_zone);
	write->zone(out, "query_zone", ldns_buffer_begin(text),
		    ldns_buffer_position(text));
	ldns_buffer_free(text);
}

static void write_wire(ldns_buffer *out, const struct field_writers *write,
		       const char *key, const ProtobufCBinaryData *wire)
{
	struct dns_message message;
	ldns_buffer *text;

	if (!dns_message_parse(&message, wire->data, wire->len)) {
		write->wire(out, key, NULL, 0);
		return;
	}
	text = ldns_buffer_new(4096);
	if (text) {
		dns_message_put(text, &message);
		write->wire(out, key, (char *)ldns_buffer_begin(text),
			    ldns_buffer_position(text));
		ldns_buffer_free(text);
	}
	dns_message_release(&message);
}

void fields_write(ldns_buffer *out, const struct field_writers *write,
		  const Dnstap__Message *m)
{
	write->timestamp(out, "query_time",
			 m->has_query_time_sec && m->has_query_time_nsec,
			 m->query_time_sec, m->query_time_nsec);
	write->timestamp(out, "response_time",
			 m->has_response_time_sec && m->has_response_time_nsec,
			 m->response_time_sec, m->response_time_nsec);
	write->word(out, "socket_family", m->has_socket_family,
		    &dnstap__socket_family__descriptor, m->socket_family);
	write->word(out, "socket_protocol", m->has_socket_protocol,
		    &dnstap__socket_protocol__descriptor, m->socket_protocol);
	write->host(out, "query_address", m->has_query_address,
		    &m->query_address);
	write->host(out, "response_address", m->has_response_address,
		    &m->response_address);
	write->port(out, "query_port", m->has_query_port, m->query_port);
	write->port(out, "response_port", m->has_response_port,
		    m->response_port);
	write_zone(out, write, m);
	if (m->has_query_message)
		write_wire(out, write, "query_message", &m->query_message);
	if (m->has_response_message)
		write_wire(out, write, "response_message",
			   &m->response_message);
}
