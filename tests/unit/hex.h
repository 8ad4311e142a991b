/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as a test would annotate them: "03 'www' 00" is five octets.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Returns the number of octets; `out` has room for half of strlen(text) + 1. */
static inline size_t hex(const char *text, uint8_t *out)
{
	size_t n = 0;

	while (*text) {
		if (*text == ' ') {
			text++;
		} else if (*text == '\'') {
			for (text++; *text != '\''; text++)
				out[n++] = *text;
			text++;
		} else {
			char digits[3] = { text[0], text[1], 0 };

			out[n++] = strtoul(digits, NULL, 16);
			text += 2;
		}
	}
	return n;
}

/* The same on the heap and of exactly that size, so that a sanitizer sees reads
 * beyond its end. */
static inline uint8_t *hex_new(const char *text, size_t *size)
{
	uint8_t *bytes = malloc(strlen(text) + 1);

	*size = hex(text, bytes);
	return realloc(bytes, *size ? *size : 1);
}
