/* SPDX-License-Identifier: Apache-2.0
 *
 * What is logged of one message: the event, and what the tap has found out about
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnstap.pb-c.h"
#include "proto/address.h"
#include "proto/event.h"
#include "proto/given.h"

/* What a response's labels say about its query. */
struct record_query {
	uint64_t stamp_ns;
	uint16_t size;     /* octets */
	uint16_t udp_size; /* as its OPT record has it; 0: it had none */
	bool dnssec_ok;
};

struct record {
	const struct event *event;
	Dnstap__Message__Type type;
	bool response;          /* its payload is a response */
	bool asked;             /* the local side is the one that asked */
	bool bare;              /* leave the message out, even if `full` */
	uint64_t time_ns;       /* CLOCK_REALTIME, since the epoch */
	uint64_t query_time_ns; /* of a response's query; 0: not known */

	/* Of a response that was matched, until the next message; or NULL. */
	const struct record_query *query;
	struct address upstream; /* asked for a client's response, if known */
	struct address proxy; /* that told for whom it passed it on, or none */

	const struct given_message
		*given;       /* by the program; NULL: it was seen */
	const char *metadata; /* that the program has told of it, if any */
	size_t metadata_size;

	const char *extra; /* rendered; NULL or empty: left out */
	size_t extra_size;
};
