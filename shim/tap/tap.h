/* SPDX-License-Identifier: Apache-2.0
 *
 * One `dnstap` directive at work: its queue's consumer, on a thread of its own.
 */
#pragma once

#include "config/config.h"
#include "shim/queue.h"
#include "shim/tap/metrics.h"

/* Where malloc(3) may be called: tap_start() will not need it then. Returns 0 or
 * -errno of what is short. */
int tap_reserve(const struct config *config);

/*
 * Starts the thread that sends what comes into `queue` to the endpoint of tap
 * `index` of `config`, until queue_finish, and publishes what it does. All three
 * must stay for the rest of the process's life. Returns 0 or -errno of what is
 * short: a thread, memory.
 */
int tap_start(const struct config *config, size_t index, struct queue *queue,
	      struct metrics *metrics);
