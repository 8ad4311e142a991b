/* SPDX-License-Identifier: Apache-2.0
 *
 * A terminal on which text can stand anywhere. One thread.
 */
#pragma once

#include <stdbool.h>

enum screen_look { SCREEN_PLAIN, SCREEN_BAR, SCREEN_GOOD, SCREEN_BAD };

/* Is standard input a keyboard, and standard output a terminal that can do it? Says so
 * if that is one of a kind that is not known. */
bool screen_is_there(void);

/* Returns false if it cannot be begun. */
bool screen_begin(void);

/* The terminal is as it was. */
void screen_end(void);

/* Keys that are no characters. */
enum { SCREEN_NO_KEY = -1, SCREEN_UP = 0x1000, SCREEN_DOWN, SCREEN_RESIZED };

/* The next key that was pressed, or SCREEN_NO_KEY. */
int screen_key(void);

/* Nobody is at the terminal any more. */
bool screen_is_gone(void);

int screen_lines(void);
int screen_width(void);

/* What is put there is seen from the next screen_show() on. */
void screen_clear(void);
void screen_show(void);

/* Text in a field of a line, with blanks behind it; what does not fit is cut. What is no
 * printable ASCII becomes a question mark. */
void screen_put(int line, int column, int width, enum screen_look look,
		const char *text);
