/* SPDX-License-Identifier: Apache-2.0
 *
 * How far the reading of files has come: a line on a terminal, written again and
 * again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All zero: there is none. */
struct progress {
	bool wanted;
	int64_t began, due; /* ms of source_clock() */
};

/* Whether it is wanted: where standard error is a terminal that shows nothing
 * else. `messages`: they are shown on standard output. */
void progress_begin(struct progress *progress, bool messages);

/* Of long files only, and not more often than can be read. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total,
		   uint64_t messages);

void progress_end(struct progress *progress);
