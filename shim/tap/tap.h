/* SPDX-License-Identifier: Apache-2.0
 *
 * One `dnstap` directive at work: its queue's consumer, on a thread of its own.
 */
#pragma once

#include "config/config.h"
#include "shim/queue.h"
#include "shim/tap/metrics.h"

#define TAP_ERROR_MAX 512

/*
 * In the constructor: reads the files that the taps name, before the host gives
 * up its root directory and its privileges. What is wrong with one is wrong with
 * the configuration: false, and a sentence in `error` (TAP_ERROR_MAX octets).
 */
bool tap_prepare(const struct config *config, char *error);

/* The same of one that is added later, by a tap's thread: of the files it sees by then. */
bool tap_prepare_one(const struct config *config, size_t index, char *error);

/* Do the files that it names hold something else than then? */
bool tap_is_renewed(const struct config *config, size_t index);

/* It is not to be after all, and nobody has seen it. */
void tap_unprepare_one(const struct config *config, size_t index);

/* Once it is known that the process is a DNS server: tries out what those files hold of
 * the taps from `first` on, on a thread of its own, likewise. Where no thread can be had,
 * true. */
bool tap_try(const struct config *config, size_t first, char *error);

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
