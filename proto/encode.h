/* SPDX-License-Identifier: Apache-2.0
 *
 * A record → the bytes of a Dnstap message (dnstap.proto). No I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"

/* The most that one Dnstap message takes beside its payload and the strings
 * that have no length of their own: identity, version, extra. */
#define ENCODE_FIXED_MAX 128

struct encoder;

/*
 * identity, version: UTF-8; NULL or "" leaves the field out. full: include the
 * message. Returns NULL when out of memory. The strings are copied.
 */
struct encoder *encoder_new(const char *identity, const char *version,
			    bool full);
void encoder_free(struct encoder *encoder);

/* An upper bound of what encoder_pack writes for a record with such a payload; told:
 * the octets of `extra`, and what the program has told of the message. */
size_t encoder_bound(const struct encoder *encoder, size_t payload_size,
		     size_t told_size);

/* Writes the message at `out`, which holds encoder_bound() octets. Returns the
 * octets written. */
size_t encoder_pack(struct encoder *encoder, const struct record *record,
		    uint8_t *out);
