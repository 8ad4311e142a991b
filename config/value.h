/* SPDX-License-Identifier: Apache-2.0
 *
 * The values that words stand for: texts, numbers, sizes, ports.
 *
 * Each returns true and assigns its result, or adds an error at the word and
 * returns false.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"
#include "config/lex.h"

#define PORTS_WORDS (65536 / 64)

/* Is it a text that the language can say (word.h)? For what comes out of the
 * environment; what was read as a word always is. */
bool value_check(const struct token *word, struct errors *errors);

struct range {
	const char *what; /* "a queue", in the error message */
	uint64_t min, max;
};

/* Replaces *field by a copy; limit in octets. */
bool value_text(const struct token *word, size_t limit, char **field,
		struct errors *errors);

bool value_number(const struct token *word, struct range range, uint64_t *out,
		  struct errors *errors);

/* Octets; K, M and G multiply by 1024 once, twice and three times. */
bool value_size(const struct token *word, struct range range, uint64_t *out,
		struct errors *errors);

/* Adds the ports of a list like `53,5353,5400-5409` to a bitmap. */
bool value_ports(const struct token *word, uint64_t ports[PORTS_WORDS],
		 struct errors *errors);
