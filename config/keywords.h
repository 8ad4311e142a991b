/* SPDX-License-Identifier: Apache-2.0
 *
 * The names in the first column of a table: looked up, listed, guessed.
 */
#pragma once

#include <stddef.h>

#include "proto/common.h"

/* A table whose rows begin with a `const char *name`. */
struct keywords {
	const void *rows;
	size_t row_size, count;
};

#define KEYWORDS_OF(table) \
	((struct keywords){ (table), sizeof((table)[0]), ARRAY_SIZE(table) })

const char *keywords_at(struct keywords keywords, size_t i);

/* Returns the row's index, or -ENOENT. */
int keywords_find(struct keywords keywords, const char *word);

/* What the writer may have meant, or NULL. */
const char *keywords_nearest(struct keywords keywords, const char *word);

/* Writes "a, b or c", cut to fit. */
void keywords_list(struct keywords keywords, char *out, size_t size);
