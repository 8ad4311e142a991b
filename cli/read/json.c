/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON object a message, on a line of its own.
 */
#include "cli/read/fields.h"
#include "cli/read/format.h"

/* Every key but the first of its object. */
static void put_key(ldns_buffer *out, const char *key)
{
	ldns_buffer_printf(out, ",\"%s\":", key);
}

static void put_string(ldns_buffer *out, const char *key, const void *text,
		       size_t size)
{
	put_key(out, key);
	put_json(out, text, size);
}

static void put_bytes(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		      const ProtobufCBinaryData *value)
{
	if (has && value->len > 0)
		put_string(out, key, value->data, value->len);
}

static void put_timestamp(ldns_buffer *out, const char *key, bool has,
			  uint64_t seconds, uint32_t nanoseconds)
{
	if (!has)
		return;
	put_key(out, key);
	put_text(out, "\"");
	put_time(out, seconds, nanoseconds, 'T');
	put_text(out, "Z\"");
}

static void put_word(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCEnumDescriptor *descriptor, int value)
{
	if (!has)
		return;
	put_key(out, key);
	put_text(out, "\"");
	put_enum(out, descriptor, value);
	put_text(out, "\"");
}

static void put_host(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCBinaryData *address)
{
	if (!has)
		return;
	put_key(out, key);
	put_text(out, "\"");
	put_address(out, address);
	put_text(out, "\"");
}

static void put_port(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     uint32_t port)
{
	if (!has || port == 0)
		return;
	put_key(out, key);
	ldns_buffer_printf(out, "%u", port);
}

static void put_wire(ldns_buffer *out, const char *key, const char *text,
		     size_t size)
{
	put_key(out, key);
	if (text)
		put_json(out, text, size);
	else
		put_text(out, "\"parse failed\"");
}

static const struct field_writers writers = {
	put_timestamp, put_word, put_host, put_port, put_string, put_wire,
};

static void put_dnstap_message(ldns_buffer *out, const Dnstap__Message *m)
{
	put_text(out, "{\"type\":\"");
	put_enum(out, &dnstap__message__type__descriptor, m->type);
	put_text(out, "\"");
	fields_write(out, &writers, m);
	put_text(out, "}");
}

void format_json(ldns_buffer *out, const Dnstap__Dnstap *dnstap)
{
	put_text(out, "{\"type\":\"MESSAGE\"");
	put_bytes(out, "identity", dnstap->has_identity, &dnstap->identity);
	put_bytes(out, "version", dnstap->has_version, &dnstap->version);
	put_bytes(out, "extra", dnstap->has_extra, &dnstap->extra);
	put_key(out, "message");
	put_dnstap_message(out, dnstap->message);
	put_text(out, "}\n");
}
