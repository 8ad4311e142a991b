/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of types or RCODEs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;

/* All zero: empty. */
struct numbers {
	uint16_t *list;
	size_t count;
};

/* Each returns 0, -EINVAL or -ENOMEM. A type by its name or as TYPE65 (RFC 3597),
 * an RCODE by its name or as a number; letters in either case. */
int numbers_add_type(struct numbers *numbers, const char *text);
int numbers_add_rcode(struct numbers *numbers, const char *text);

bool numbers_have(const struct numbers *numbers, uint16_t number);

/* Each writes the i-th so that it is read the same. */
void numbers_show_type(const struct numbers *numbers, size_t i,
		       struct text *out);
void numbers_show_rcode(const struct numbers *numbers, size_t i,
			struct text *out);

void numbers_release(struct numbers *numbers);
