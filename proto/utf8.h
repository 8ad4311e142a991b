/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 (RFC 3629), as far as it is needed here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UTF8_INVALID UINT32_MAX

/*
 * Decodes the character at `at`, which lies before `end`. Returns the octets it
 * takes and assigns *point; or returns 1 and assigns UTF8_INVALID.
 */
unsigned utf8_decode(const char *at, const char *end, uint32_t *point);

bool utf8_valid(const char *text);

/* White space as Unicode has it, the no-break space of web pages included. */
bool utf8_is_space(uint32_t point);

/* What shows nothing itself, and may change how the rest is shown: control
 * and format characters, the separators of lines and paragraphs (Unicode's Cc, Cf,
 * Zl, Zp). Whoever shows a text that is not ours shows something in its place. */
bool utf8_is_control(uint32_t point);
