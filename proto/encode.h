/* SPDX-License-Identifier: Apache-2.0
 *
 * An event and what the tap found out about it → the bytes of a Dnstap message
 * (dnstap.proto, packed by protobuf-c). No I/O; not thread-safe per encoder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnstap.pb-c.h"
#include "shim/event.h"

/* The most that one Dnstap message takes beside its payload and the strings
 * that have no length of their own: identity, version, extra, query zone. */
#define ENCODE_FIXED_MAX 128

struct encoder;

/* What the tap's thread adds to an event. */
struct encode_facts {
	Dnstap__Message__Type type;
	bool response;             /* its payload is a response */
	bool asked;                /* the local side is the one that asked */
	bool bare;                 /* leave the message out, even if `full` */
	uint64_t time_ns;          /* CLOCK_REALTIME, since the epoch */
	uint64_t query_time_ns;    /* of a response's query; 0: not known */
	const uint8_t *query_zone; /* wire format, or NULL */
	size_t query_zone_size;
	const char *extra; /* rendered; NULL or empty: left out */
	size_t extra_size;
};

/*
 * identity, version: UTF-8; NULL or "" leaves the field out. full: include the
 * message. Returns NULL when out of memory. The strings are copied.
 */
struct encoder *encoder_new(const char *identity, const char *version,
			    bool full);
void encoder_free(struct encoder *encoder);

/* An upper bound of what encoder_pack writes for this event. */
size_t encoder_bound(const struct encoder *encoder, const struct event *event,
		     const struct encode_facts *facts);

/* Writes the message at `out`, which holds encoder_bound() octets. Returns the
 * octets written. */
size_t encoder_pack(struct encoder *encoder, const struct event *event,
		    const struct encode_facts *facts, uint8_t *out);
