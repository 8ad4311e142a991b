/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of HTTP/1.1 (RFC 9112 2.2), in whatever pieces it comes, and however long
 * it is: what does not fit is passed over.
 */
#pragma once

#include <stdint.h>

#include "shim/capture/http/text.h"
#include "shim/capture/octets.h"

#define LINE_MAX_KEPT 160

enum line_result {
	LINE_MORE,
	LINE_WHOLE,
	LINE_BAD, /* servers differ in how they read it */
};

/* All zero: a line that begins. */
struct line {
	char text[LINE_MAX_KEPT];
	uint8_t size;
	bool any;   /* there is something in it */
	bool cut;   /* there was no room for its end */
	bool cr;    /* its last octet is a carriage return */
	bool colon; /* of a field: there was one, behind `name` characters */
	uint8_t name;
};

/* What is done with a character. Returns false if it should not be there. */
typedef bool line_take(void *context, char c);

/* Hands on the line's characters up to its end, which is passed too. */
enum line_result line_read(struct line *line, struct octets *octets,
			   line_take *take, void *context);

/* Keeps it, if there is room. */
void line_keep(struct line *line, char c);

/* Keeps it as a field's: the name in lower case, the value without blanks before
 * it. Returns false if it should not be there. */
bool line_keep_field(struct line *line, char c);

struct text line_text(const struct line *line);
struct text line_name(const struct line *line);
struct text line_value(const struct line *line);
