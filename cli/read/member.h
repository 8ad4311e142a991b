/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of a JSON object, for the formats that write one a message. Every one but
 * the first of its object: a comma comes before it. Those with `has` write nothing
 * where it is false.
 */
#pragma once

#include <ldns/buffer.h>
#include <stdbool.h>
#include <stdint.h>

#include "dnstap.pb-c.h"

void member_key(ldns_buffer *out, const char *key);
void member_string(ldns_buffer *out, const char *key, const void *text,
		   size_t size);

/* Empty is like absent. */
void member_bytes(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		  const ProtobufCBinaryData *value);

void member_time(ldns_buffer *out, const char *key, bool has, uint64_t seconds,
		 uint32_t nanoseconds);
void member_word(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		 const ProtobufCEnumDescriptor *descriptor, int value);
void member_address(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		    const ProtobufCBinaryData *address);
void member_number(ldns_buffer *out, const char *key, bool has,
		   uint64_t number);
