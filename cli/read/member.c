/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/read/member.h"

#include <inttypes.h>

#include "cli/read/fields.h"

void member_key(ldns_buffer *out, const char *key)
{
	ldns_buffer_printf(out, ",\"%s\":", key);
}

void member_string(ldns_buffer *out, const char *key, const void *text,
		   size_t size)
{
	member_key(out, key);
	put_json(out, text, size);
}

void member_bytes(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		  const ProtobufCBinaryData *value)
{
	if (has && value->len > 0)
		member_string(out, key, value->data, value->len);
}

void member_time(ldns_buffer *out, const char *key, bool has, uint64_t seconds,
		 uint32_t nanoseconds)
{
	if (!has)
		return;
	member_key(out, key);
	put_text(out, "\"");
	put_time(out, seconds, nanoseconds, 'T');
	put_text(out, "Z\"");
}

void member_word(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		 const ProtobufCEnumDescriptor *descriptor, int value)
{
	if (!has)
		return;
	member_key(out, key);
	put_text(out, "\"");
	put_enum(out, descriptor, value);
	put_text(out, "\"");
}

void member_address(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		    const ProtobufCBinaryData *address)
{
	if (!has)
		return;
	member_key(out, key);
	put_text(out, "\"");
	put_address(out, address);
	put_text(out, "\"");
}

void member_number(ldns_buffer *out, const char *key, bool has, uint64_t number)
{
	if (!has)
		return;
	member_key(out, key);
	ldns_buffer_printf(out, "%" PRIu64, number);
}
