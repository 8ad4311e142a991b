/* SPDX-License-Identifier: Apache-2.0
 *
 * How a tap is doing, in words: what its thread says for others to read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shim/base/published.h"

#define REPORT_ABOUT_MAX 256

struct report {
	char about[REPORT_ABOUT_MAX]; /* its connection; "": not yet */
	uint64_t since_ns;            /* clock_wall(): when that became so */
	uint64_t records;             /* it has a flight recorder */
};

struct report_slot {
	struct published published;
	_Atomic uint64_t words[PUBLISHED_WORDS(struct report)];
	/* Counts the requests for a new file, or a new connection. */
	_Atomic uint32_t rolls;
	/* The tap has been removed: it sends what it has, and ends. */
	_Atomic bool leaves;
};

/* By the tap's thread, in each cycle: `now`, where it differs from the last, with the
 * time in since_ns. */
void report_settle(struct report_slot *slot, struct report *last,
		   const struct report *now);

void report_read(struct report_slot *slot, struct report *report);
