/* SPDX-License-Identifier: Apache-2.0
 *
 * The properties in a tap's braces: one table for reading, checking and
 * printing them.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "config/error.h"
#include "config/value.h"

/* No more rows than this. */
#define PROPERTIES_MAX 24

struct property {
	const char *name;
	const char *form;  /* the words after it, a blank before each */
	unsigned min, max; /* how many */
	size_t field;      /* in struct tap_config */

	/* Sets the field; what is wrong with the words goes to the errors. */
	void (*set)(void *field, const struct words *words,
		    struct errors *errors);

	/* Writes the words, each with a blank before it. */
	void (*show)(const void *field, FILE *out);

	/* NULL: it always has a value. */
	bool (*is_on)(const void *field);

	/* Does it say anything about such a tap? NULL: about every one. */
	bool (*fits)(const struct tap_config *tap);
	const char *misfit; /* the error where not; NULL: it is ignored */
};

extern const struct keywords properties;

/* Those that choose messages by what they are. */
extern const struct keywords choosing;

const struct property *property_at(size_t i);
