/* SPDX-License-Identifier: Apache-2.0
 *
 * The errors of a configuration: collected in order, each with its place.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "config/keywords.h"

/* After so many a last line says how many more there are. */
#define ERRORS_MAX 100

struct token;

struct errors {
	const char *source; /* what is being read: a variable or a file */
	struct config_error *first, **next;
	unsigned count;
	bool no_memory; /* sticky; stands for every failed allocation */
};

void errors_init(struct errors *errors);

/* Adds `SOURCE:LINE:COLUMN: "WORD": ` and the message. */
void errors_add(struct errors *errors, const struct token *at,
		const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same about the source as a whole. */
void errors_add_source(struct errors *errors, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Says what was expected at a word that is none of the names: the nearest name
 * if there is one, otherwise all of them. */
void errors_add_unknown(struct errors *errors, const struct token *at,
			const char *expected, struct keywords keywords);

/* Adds the line about what was left out. */
void errors_finish(struct errors *errors);

/* strdup that notes its failure. */
char *errors_strdup(struct errors *errors, const char *text);
