/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses to their queries, on the tap's thread: bounded in number and age.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/address.h"
#include "proto/dns.h"
#include "proto/event.h"
#include "proto/record.h"

/* Queries remembered; beyond that the oldest is forgotten. */
#define MATCH_QUERIES_MAX 32768

/* A query without an answer is forgotten after this long. */
#define MATCH_AGE_S 30

/* Of queries sent those answered last are remembered too, about so many. */
#define MATCH_ANSWERED_MAX 2048

struct match;

/* A message and what identifies its transaction. */
struct match_message {
	const struct event *event;
	uint64_t time_ns; /* wall time */
	struct dns_header header;
	bool asked;             /* the local side is the one that asked */
	bool question;          /* there is a well-formed one */
	bool transfer;          /* AXFR or IXFR: many responses to one query */
	uint64_t question_hash; /* of name without case, type and class */
	uint64_t transaction;   /* the same of a query and its responses */
	struct address client;  /* by a proxy's word, if known */
	bool unwanted;          /* a query that the filter leaves out */
	struct record_query extra; /* of a query, if the caller wants it kept */
};

/* Fills all of *message but for `time_ns`, `client`, `unwanted` and `extra`. */
void match_parse(const struct event *event, struct match_message *message);

/* Returns NULL when out of memory. */
struct match *match_new(void);
void match_free(struct match *match);

void match_query(struct match *match, const struct match_message *query);

/* Returns the query that `response` answers, or NULL. Of several the oldest, as
 * servers answer a repeated query in order; but where this side asked over UDP
 * the newest, as it asks again what it takes for lost. Where there is none, and
 * this side asked, one that has had its response: networks duplicate datagrams.
 * Its payload is gone; it stays valid until the next call. */
const struct match_message *match_response(
	struct match *match, const struct match_message *response);

/* Likewise a query of the same id, addresses and ports, whatever was asked in
 * it. */
const struct match_message *match_id(const struct match *match,
				     const struct match_message *response);
