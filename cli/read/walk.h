/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of a dnstap Message in the order in which YAML and JSON have them;
 * how each is written is a table of functions, which leave out what is not there.
 */
#pragma once

#include <ldns/buffer.h>
#include <stdbool.h>
#include <stdint.h>

#include "dnstap.pb-c.h"

struct walk_style {
	void (*timestamp)(ldns_buffer *out, const char *key, bool has,
			  uint64_t seconds, uint32_t nanoseconds);
	void (*word)(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCEnumDescriptor *descriptor, int value);
	void (*host)(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCBinaryData *address);
	void (*port)(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     uint32_t port);
	void (*zone)(ldns_buffer *out, const Dnstap__Message *message);
	void (*wire)(ldns_buffer *out, const char *key, protobuf_c_boolean has,
		     const ProtobufCBinaryData *wire);
};

/* All but the type, which comes first. */
void walk_message(ldns_buffer *out, const struct walk_style *put,
		  const Dnstap__Message *message);
