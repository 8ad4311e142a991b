/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the library sees the DNS messages of a program or a process, and all
 * the reasons for that answer.
 */
#pragma once

enum answer { ANSWER_YES, ANSWER_PARTLY, ANSWER_NO };

struct reason {
	enum answer answer; /* if it were the only one; ANSWER_YES: a note */
	char *text;
	struct reason *next;
};

/* All zero: none. */
struct verdict {
	struct reason *first, **last;
};

/* Appends one. When out of memory it is lost. */
void verdict_add(struct verdict *verdict, enum answer answer,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The one that decides; NULL if there are none, and the answer is yes. */
const struct reason *verdict_reason(const struct verdict *verdict);

enum answer verdict_answer(const struct verdict *verdict);

/* A line with the answer and the reason for it, and one for each other reason.
 * yes: what is said if nothing speaks against it. */
void verdict_print(const struct verdict *verdict, const char *subject,
		   const char *yes);

void verdict_free(struct verdict *verdict);
