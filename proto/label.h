/* SPDX-License-Identifier: Apache-2.0
 *
 * The labels of the extra template: {name} and what prints its value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/extra.h"
#include "proto/text.h"

struct label_source {
	const struct record *record;
	const struct extra_constants *constants;
	/* Of the label: what stands between its braces. */
	const char *text;
	size_t size;
};

#define LABEL_UPSTREAM "{/forward/upstream}"

struct label {
	const char *name; /* with its braces */

	/* Returns false, and adds nothing, if the value is not known. */
	bool (*render)(struct text *out, const struct label_source *source);
};

/* Returns the label that `text` is, braces included, or NULL if it is none.
 * Metadata of a program's own is a label too: "{/PLUGIN/LABEL}". */
const struct label *label_find(const char *text, size_t size);

/* Adds the label's value, or "-". What a program has told of a message goes before
 * what is known otherwise. */
void label_render(const struct label *label, struct text *out,
		  const struct label_source *source);
