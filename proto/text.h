/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of bounded size, for the values of DNS messages. What does not fit is
 * cut at a whole UTF-8 character, and nothing is added after a cut.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *start;
	size_t size, used;
	bool cut;
};

/* Adds `size` octets of valid UTF-8. */
void text_add(struct text *text, const char *data, size_t size);
void text_add_string(struct text *text, const char *string);
void text_add_number(struct text *text, uint64_t number);

/* Seconds in the shortest exact form: 0, 1.5, 0.000043211. */
void text_add_seconds(struct text *text, uint64_t nanoseconds);

/* 4 octets, or 16: those in brackets. */
void text_add_address(struct text *text, const uint8_t *address, bool inet6);

/* A name in wire format without pointers, in lower case, with a closing dot and
 * the escapes of master files (RFC 1035 5.1). */
void text_add_name(struct text *text, const uint8_t *name, size_t size);

/* Puts "?" in the place of each octet that is no UTF-8 (RFC 3629). */
void text_make_utf8(char *data, size_t size);
