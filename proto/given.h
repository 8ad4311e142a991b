/* SPDX-License-Identifier: Apache-2.0
 *
 * A message that a program gives, as it lies in an event: EVENT_GIVEN. The payload
 * is the message itself, a query or a response, and the event tells between whom it
 * passed. The rest is the tail: a struct given, and behind it its parts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dnstap.pb-c.h"
#include "proto/event.h"

enum given_part {
	GIVEN_QUERY, /* of a response */
	GIVEN_ZONE,
	GIVEN_POLICY_TYPE,
	GIVEN_POLICY_RULE,
	GIVEN_POLICY_VALUE,
	GIVEN_METADATA, /* proto/metadata.h */
	GIVEN_PARTS     /* how many */
};

/* Numbers are dnstap.proto's; 0: not known. */
struct given {
	uint64_t query_ns, response_ns; /* since the epoch */
	uint16_t size[GIVEN_PARTS];     /* octets of each, in their order */
	uint8_t type, protocol, http, policy_match, policy_action;
	bool family; /* is known, also where no address is */
};

/* A tail that has been checked. */
struct given_message {
	struct given head;
	const uint8_t *part[GIVEN_PARTS]; /* in the event */
};

/* Whether a message of this type is a response; and whether the server asked. */
static inline bool given_is_response(unsigned type)
{
	return type % 2 == 0;
}
bool given_is_asked(unsigned type);

/* Whether the head says what dnstap.proto can say. */
bool given_is_sound(const struct given *head);

/* Returns false if that is no such event: its tail may be anybody's. */
bool given_read(const struct event *event, struct given_message *given);

/* All of a record that has a given_message. `policy` must stay as long as *message. */
struct record;
void given_fill(const struct record *record, bool full,
		Dnstap__Message *message, Dnstap__Policy *policy);
