/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that the program gives itself (proto/given.h): it says what others are
 * asked for.
 */
#pragma once

#include <stdbool.h>

#include "proto/filter/filter.h"
#include "proto/record.h"

/* Fills *record, as far as no tap has a say in it; of a response *query too, to which it
 * will point. Returns false if it is no such event. */
bool given_record(const struct event *event, struct given_message *given,
		  struct record_query *query, struct record *record);

/* What a filter makes of it; `client`: who asked. */
bool given_passes(const struct filter *filter, const struct record *record,
		  const struct address *client);

/* The event is masked; so is the rest. Returns false if an address may be left in its
 * messages. */
bool given_mask(struct given_message *given, unsigned v4_bits,
		unsigned v6_bits);
