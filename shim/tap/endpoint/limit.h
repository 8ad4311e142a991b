/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of the log that others can cause as often as they like: the first few are
 * said, the others summed up in one.
 */
#pragma once

#include <stdint.h>

#define LIMIT_LINES 8
#define LIMIT_S     10 /* so many lines in so many seconds, and the sum */

#define LIMIT_TEXT_SIZE 256

/* All zero in the beginning. */
struct limit {
	uint64_t until_ns; /* when the sum is due and lines are said again */
	unsigned said;
	uint64_t left_out;
	char last[LIMIT_TEXT_SIZE]; /* of those left out */
};

/* Logs a line, or keeps it for the sum. `now_ns` is of clock_steady(). */
void limit_log(struct limit *limit, const char *tap, uint64_t now_ns,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Logs the sum if it is due by `now_ns`; UINT64_MAX: if there is one. */
void limit_settle(struct limit *limit, const char *tap, uint64_t now_ns);

/* When that is; UINT64_MAX: there is nothing to be said. */
uint64_t limit_due(const struct limit *limit);
