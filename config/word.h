/* SPDX-License-Identifier: Apache-2.0
 *
 * One word of the language: what it stands for, and how it is written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/lex.h"

/* The words after a property or setting; the longest takes all of `types`. */
#define WORDS_MAX 32

struct words {
	struct token name;
	unsigned count;
	struct token word[WORDS_MAX];
};

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
