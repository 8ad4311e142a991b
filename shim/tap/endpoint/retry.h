/* SPDX-License-Identifier: Apache-2.0
 *
 * When to try again what failed, and what is said of it: each cause once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETRY_SAID_MAX  4
#define RETRY_SAID_SIZE 256

struct retry {
	uint64_t at;      /* not before then; of clock_steady() */
	uint64_t delay;   /* after the next failure */
	uint64_t good_at; /* since when all has been well; 0: it has not */
	char said[RETRY_SAID_MAX][RETRY_SAID_SIZE];
	size_t count;
};

void retry_begin(struct retry *retry);

void retry_succeeded(struct retry *retry, uint64_t now_ns);

/* True once all has been well for a while. */
bool retry_is_good(const struct retry *retry, uint64_t now_ns);

/* True if that has not been said, and nothing has been good, since. */
bool retry_is_news(struct retry *retry, const char *text);

/* Sets the time of the next attempt: at once after what was good for a while,
 * else 10 ms doubling to 5 s. Logs the cause and what follows from it, unless
 * that was said before and nothing has been good since. */
void retry_failed(struct retry *retry, const char *tap, const char *cause,
		  uint64_t now_ns);
