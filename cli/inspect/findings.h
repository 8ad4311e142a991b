/* SPDX-License-Identifier: Apache-2.0
 *
 * What was found out about a program, each point with its weight for the
 * question whether the library sees its DNS messages.
 */
#pragma once

#include <stdio.h>

enum verdict { VERDICT_YES, VERDICT_PARTLY, VERDICT_NO };

struct finding {
	enum verdict weight; /* VERDICT_YES: a note */
	char *text;
	struct finding *next;
};

/* All zero: none. */
struct findings {
	struct finding *first, **last;
};

/* Appends one. When out of memory it is lost. */
void findings_add(struct findings *findings, enum verdict weight,
		  const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The heaviest; NULL if there are none. Its weight is the verdict. */
const struct finding *findings_heaviest(const struct findings *findings);

enum verdict findings_verdict(const struct findings *findings);

void findings_free(struct findings *findings);
