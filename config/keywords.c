/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of a table, and the guess which of them a misspelt word is.
 */
#include "config/keywords.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Longer words and names are not guessed at. */
#define NAME_MAX_GUESSED 24

const char *keywords_at(struct keywords keywords, size_t i)
{
	const char *row = (const char *)keywords.rows + i * keywords.row_size;

	return *(const char *const *)row;
}

int keywords_find(struct keywords keywords, const char *word)
{
	for (size_t i = 0; i < keywords.count; i++)
		if (strcmp(keywords_at(keywords, i), word) == 0)
			return (int)i;
	return -ENOENT;
}

/* Upper case and CLIENT_QUERY for client-query are no distance at all. */
static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '_' ? '-' : c;
}

static unsigned min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool differ(const char *a, const char *b)
{
	return fold(*a) != fold(*b);
}

static bool swapped(const char *a, const char *b)
{
	return !differ(&a[0], &b[1]) && !differ(&a[1], &b[0]);
}

/* The letters to insert, delete, replace or swap with their neighbour (the
 * optimal string alignment). d[i][j] is that of the first i and j letters. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[NAME_MAX_GUESSED + 1][NAME_MAX_GUESSED + 1];
	size_t rows = strlen(a), columns = strlen(b);

	for (size_t i = 0; i <= rows; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= columns; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= rows; i++) {
		for (size_t j = 1; j <= columns; j++) {
			const char *p = &a[i - 1], *q = &b[j - 1];

			d[i][j] = min(d[i - 1][j - 1] + differ(p, q),
				      min(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && swapped(p - 1, q - 1))
				d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[rows][columns];
}

/* A third of a word may be wrong. */
const char *keywords_nearest(struct keywords keywords, const char *word)
{
	size_t length = strlen(word);
	unsigned least = (unsigned)(length + 2) / 3 + 1;
	const char *nearest = NULL;

	if (length > NAME_MAX_GUESSED)
		return NULL;
	for (size_t i = 0; i < keywords.count; i++) {
		const char *name = keywords_at(keywords, i);
		unsigned d = strlen(name) <= NAME_MAX_GUESSED
				     ? distance(word, name)
				     : UINT_MAX;

		if (d < least && d < strlen(name)) {
			least = d;
			nearest = name;
		}
	}
	return nearest;
}

void keywords_list(struct keywords keywords, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < keywords.count && used < size; i++) {
		const char *joint = i + 1 == keywords.count ? " or " : ", ";
		int n = snprintf(out + used, size - used, "%s%s",
				 i == 0 ? "" : joint, keywords_at(keywords, i));

		used += (size_t)n;
	}
}
