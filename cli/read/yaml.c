/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML document a message.
 */
#include <string.h>

#include "cli/read/fields.h"
#include "cli/read/format.h"

static void put_bytes(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		      const ProtobufCBinaryData *value)
{
	if (!has)
		return;
	put_text(out, key);
	put_quoted(out, value->data, value->len);
	put_text(out, "\n");
}

static void put_timestamp(ldns_buffer *out, const char *key, bool has,
			  uint64_t seconds, uint32_t nanoseconds)
{
	if (!has)
		return;
	ldns_buffer_printf(out, "  %s: !!timestamp ", key);
	put_time(out, seconds, nanoseconds, ' ');
	put_text(out, "\n");
}

static void put_word(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCEnumDescriptor *descriptor, int value)
{
	if (!has)
		return;
	ldns_buffer_printf(out, "  %s: ", key);
	put_enum(out, descriptor, value);
	put_text(out, "\n");
}

static void put_host(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCBinaryData *address)
{
	if (!has)
		return;
	ldns_buffer_printf(out, "  %s: ", key);
	put_address(out, address);
	put_text(out, "\n");
}

static void put_port(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     uint32_t port)
{
	if (has)
		ldns_buffer_printf(out, "  %s: %u\n", key, port);
}

/* A literal block: the lines of the message, indented, without blanks at the
 * end. */
static void put_block(ldns_buffer *out, const char *p, size_t size)
{
	while (size > 0 && (p[size - 1] == '\n' || p[size - 1] == ' '))
		size--;
	while (size > 0) {
		const char *newline = memchr(p, '\n', size);
		size_t length = newline ? (size_t)(newline - p) + 1 : size;

		put_text(out, "    ");
		put(out, p, length);
		p += length;
		size -= length;
	}
	put_text(out, "\n");
}

static void put_wire(ldns_buffer *out, const char *key, const char *text,
		     size_t size)
{
	if (!text) {
		ldns_buffer_printf(out, "  # %s: parse failed\n", key);
		return;
	}
	ldns_buffer_printf(out, "  %s: |\n", key);
	put_block(out, text, size);
}

static void put_zone_name(ldns_buffer *out, const char *key, const void *text,
			  size_t size)
{
	ldns_buffer_printf(out, "  %s: ", key);
	put_quoted(out, text, size);
	put_text(out, "\n");
}

static const struct field_writers writers = {
	put_timestamp, put_word, put_host, put_port, put_zone_name, put_wire,
};

static void put_dnstap_message(ldns_buffer *out, const Dnstap__Message *m)
{
	put_word(out, "type", true, &dnstap__message__type__descriptor,
		 m->type);
	fields_write(out, &writers, m);
}

void format_yaml(ldns_buffer *out, const Dnstap__Dnstap *dnstap)
{
	put_text(out, "type: MESSAGE\n");
	put_bytes(out, "identity: ", dnstap->has_identity, &dnstap->identity);
	put_bytes(out, "version: ", dnstap->has_version, &dnstap->version);
	put_bytes(out, "extra: ", dnstap->has_extra, &dnstap->extra);
	put_text(out, "message:\n");
	put_dnstap_message(out, dnstap->message);
	put_text(out, "---\n");
}
