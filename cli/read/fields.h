/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of a Dnstap message as text, for every format. All append to `out`,
 * which grows as needed.
 */
#pragma once

#include <ldns/buffer.h>
#include <stdbool.h>
#include <time.h>

#include "dnstap.pb-c.h"

void put(ldns_buffer *out, const void *data, size_t size);
void put_text(ldns_buffer *out, const char *text);

/* The schema's word for a value, or the number if it has none. */
void put_enum(ldns_buffer *out, const ProtobufCEnumDescriptor *descriptor,
	      int value);

/* An IPv4-mapped address as IPv4; a strange length as ? and hex digits. */
void put_address(ldns_buffer *out, const ProtobufCBinaryData *address);

/* A query_zone: a name in wire format. */
void put_zone(ldns_buffer *out, const ProtobufCBinaryData *zone);

/* "2006-01-02 15:04:05.999999999" with the given separator, in UTC, without
 * trailing zeros. */
void put_time(ldns_buffer *out, uint64_t seconds, uint32_t nanoseconds,
	      char separator);

/* Within double quotes; what no text should hold is escaped as in JSON, or in
 * C's way, as YAML understands it, with octets that are no UTF-8 as \xNN. */
void put_json(ldns_buffer *out, const void *data, size_t size);
void put_quoted(ldns_buffer *out, const void *data, size_t size);

/* How a format writes the fields of a Message; each function leaves out what it is
 * told not to be there. */
struct field_writers {
	void (*timestamp)(ldns_buffer *out, const char *key, bool has,
			  uint64_t seconds, uint32_t nanoseconds);
	void (*word)(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCEnumDescriptor *descriptor, int value);
	void (*host)(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCBinaryData *address);
	void (*port)(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     uint32_t port);
	void (*zone)(ldns_buffer *out, const char *key, const void *text,
		     size_t size);
	void (*wire)(ldns_buffer *out, const char *key, const char *text,
		     size_t size); /* text NULL: it is malformed */
};

/* All but the type, which comes first, in the order in which YAML and JSON have
 * them. */
void fields_write(ldns_buffer *out, const struct field_writers *write,
		  const Dnstap__Message *message);
