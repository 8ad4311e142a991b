/* SPDX-License-Identifier: Apache-2.0
 *
 * The names in the first column of a table: looked up, listed, guessed.
 */
#pragma once

#include <stddef.h>

/* A table whose rows begin with a `const char *name`. */
struct names {
	const void *rows;
	size_t row_size, count;
};

#define NAMES_OF(table)                               \
	((struct names){ (table), sizeof((table)[0]), \
			 sizeof(table) / sizeof((table)[0]) })

const char *names_at(struct names names, size_t i);

/* Returns the row's index, or -ENOENT. */
int names_find(struct names names, const char *word);

/* What the writer may have meant, or NULL. */
const char *names_nearest(struct names names, const char *word);

/* Writes "a, b or c", cut to fit. */
void names_list(struct names names, char *out, size_t size);
