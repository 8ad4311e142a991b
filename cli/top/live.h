/* SPDX-License-Identifier: Apache-2.0
 *
 * What passed in the last half to whole minute, of the messages that are received.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cli/read/choice.h"
#include "cli/read/stats.h"

/* Each message is counted in both; every half minute the older goes, and another
 * begins. */
struct live {
	struct choice choice;
	struct stats *older, *younger;
	int64_t older_since, turned; /* ms of source_clock() */
};

/* The choice is there already. Return 0 or -ENOMEM. */
int live_begin(struct live *live);
int live_add(struct live *live, const uint8_t *data, size_t size);

/* To be called now and then. */
int live_turn(struct live *live);

/* What is shown: older, of so many seconds. */
double live_seconds(const struct live *live);

void live_release(struct live *live);
