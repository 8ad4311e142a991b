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
#include <stdio.h>

#include "config/error.h"
#include "config/lex.h"
#include "proto/filter/networks.h"

#define PORTS_WORDS (65536 / 64)

/* Is it a text that the language can say? For what comes out of the
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

/* Adds the networks of a list like `192.0.2.1,2001:db8::/32`. */
bool value_networks(const struct token *word, struct networks *networks,
		    struct errors *errors);

/* One word of the language: what it stands for, and how it is written. */

/*
 * Copies `text` with every {$NAME} and {%NAME%} replaced by what `lookup` says,
 * or by nothing, as in a Corefile; what comes in is not looked at again. Returns
 * false if it does not fit.
 */
bool word_expand(const char *text, const char *(*lookup)(const char *name),
		 char *out, size_t size);

/* Does the text hold a reference that word_expand would replace? */
bool word_refers(const char *text);

/*
 * Can the language say this text? It is valid UTF-8, has no reference in it and,
 * if it needs quotes, no lone backslash before a quote or at its end: a Corefile
 * has no way to write these.
 */
bool word_sayable(const char *text);

/* Writes a sayable text so that reading it gives the same text. */
void word_print(const char *text, FILE *out);
