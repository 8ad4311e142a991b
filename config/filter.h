/* SPDX-License-Identifier: Apache-2.0
 *
 * The properties that filter messages (proto/filter/filter.h), and `not` before
 * one of them, read from words and written as words. What several of one name say
 * adds up.
 *
 * The functions are those of rows of properties (property.h).
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "config/error.h"
#include "config/value.h"

/* By the name of the property in the words. */
void filter_set(void *field, const struct words *words, struct errors *errors);
void filter_set_not(void *field, const struct words *words,
		    struct errors *errors);

/* The property's name, and the filter's key. */
#define FILTER_PROPERTIES(X)     \
	X(name, FILTER_NAME)     \
	X(qtype, FILTER_QTYPE)   \
	X(client, FILTER_CLIENT) \
	X(rcode, FILTER_RCODE)   \
	X(rsize, FILTER_RSIZE)   \
	X(duration, FILTER_DURATION)

#define FILTER_DECLARE(name, key)                              \
	void filter_show_##name(const void *field, FILE *out); \
	bool filter_has_##name(const void *field);

FILTER_PROPERTIES(FILTER_DECLARE)

void filter_show_not(const void *field, FILE *out);
bool filter_has_not(const void *field);
