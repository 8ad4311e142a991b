/* SPDX-License-Identifier: Apache-2.0
 *
 * Which messages are wanted: by name and type of the question, by the client, and
 * by what a response is. The words that say so, and the judgement.
 *
 * Every condition of a filter has to hold, and of the words of one any. A message
 * that does not have what a condition is about does not meet it, and so meets its
 * opposite.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/address.h"
#include "proto/filter/names.h"
#include "proto/filter/networks.h"
#include "proto/filter/numbers.h"

#define FILTER_WORD_MAX 1100 /* the longest name with all octets escaped */

enum filter_key {
	/* The same of a query and its response. */
	FILTER_NAME,
	FILTER_QTYPE,
	FILTER_CLIENT,
	/* Of a response only. */
	FILTER_RCODE,
	FILTER_RSIZE,
	FILTER_DURATION,
	FILTER_KEYS /* how many */
};

/* What one side of a filter is about. */
struct filter_side {
	unsigned set; /* bits 1 << filter_key */
	struct names names;
	struct numbers types, rcodes;
	struct networks clients;
	uint32_t size;        /* octets of a response, or more */
	uint64_t duration_ns; /* from the query to the response, or more */
};

/* All zero: every message is wanted. Of all words those of `only` have to hold,
 * and those of `except` must not. */
struct filter {
	struct filter_side only, except;
};

/* What is looked at. */
struct filter_message {
	const uint8_t *payload; /* NULL: not known */
	size_t size;            /* EVENT_PAYLOAD_MIN or more */
	bool response;
	bool timed; /* duration_ns is known */
	uint64_t duration_ns;
	struct address client; /* who asked, if known */
};

static inline bool filter_is_empty(const struct filter *filter)
{
	return !(filter->only.set | filter->except.set);
}

/* Is the message wanted, as far as the keys of a question say (FILTER_NAME to
 * FILTER_CLIENT), or those of a response? */
bool filter_wants_question(const struct filter *filter,
			   const struct filter_message *message);
bool filter_wants_response(const struct filter *filter,
			   const struct filter_message *message);

/* Words */

/* "name", and how its words are written: " NAME...", which may be several. */
const char *filter_key_name(enum filter_key key);
const char *filter_key_form(enum filter_key key);
bool filter_key_is_list(enum filter_key key);

/* What a wrong word should have been, after "expected ". */
const char *filter_key_expects(enum filter_key key);

/* Adds a word to a list, or sets what is no list. Returns 0, -EINVAL or -ENOMEM. */
int filter_add(struct filter_side *side, enum filter_key key, const char *word);

/* Writes the i-th word as filter_add reads it, with a NUL behind it: no blank, no
 * quote, FILTER_WORD_MAX octets at most. Returns false if there are no more. */
bool filter_word(const struct filter_side *side, enum filter_key key, size_t i,
		 char out[FILTER_WORD_MAX]);

void filter_release(struct filter *filter);
