/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and values as they stand in a header: not terminated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
	const char *at;
	size_t size;
};

#define TEXT(literal) ((struct text){ (literal), sizeof(literal) - 1 })

static inline bool text_is(struct text text, struct text other)
{
	return text.size == other.size && !memcmp(text.at, other.at, text.size);
}

/* `other` is in lower case, `text` in whatever. ASCII, whatever the host's locale. */
static inline bool text_is_like(struct text text, struct text other)
{
	if (text.size != other.size)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.at[i];
		if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != other.at[i])
			return false;
	}
	return true;
}

static inline bool text_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Without the blanks around it. */
static inline struct text text_trim(struct text text)
{
	while (text.size && text_is_blank(*text.at)) {
		text.at++;
		text.size--;
	}
	while (text.size && text_is_blank(text.at[text.size - 1]))
		text.size--;
	return text;
}

/* A hexadecimal digit's value, or -1. */
static inline int text_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
