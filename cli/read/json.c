/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON object a message, on a line of its own.
 */
#include "cli/read/fields.h"
#include "cli/read/format.h"
#include "cli/read/member.h"

static void put_port(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     uint32_t port)
{
	member_number(out, key, has && port != 0, port);
}

static void put_wire(ldns_buffer *out, const char *key, const char *text,
		     size_t size)
{
	member_key(out, key);
	if (text)
		put_json(out, text, size);
	else
		put_text(out, "\"parse failed\"");
}

static const struct field_writers writers = {
	member_time, member_word,   member_address,
	put_port,    member_string, put_wire,
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
	member_bytes(out, "identity", dnstap->has_identity, &dnstap->identity);
	member_bytes(out, "version", dnstap->has_version, &dnstap->version);
	member_bytes(out, "extra", dnstap->has_extra, &dnstap->extra);
	member_key(out, "message");
	put_dnstap_message(out, dnstap->message);
	put_text(out, "}\n");
}
