/* SPDX-License-Identifier: Apache-2.0
 *
 * The flight recorder: a tap's queue in a file of its own, which a crash leaves
 * behind and a clean end removes. All but recorder_prepare() on the tap's thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/tap/transport/progress.h"

struct queue;
struct recorder;

/* In the constructor, where malloc(3) may be called. Returns 0 or -errno. */
int recorder_prepare(const struct config *config);

/* Likewise, for each tap; and for one that is added later, on a tap's thread. */
int recorder_prepare_one(const struct config *config, size_t tap);
void recorder_unprepare_one(size_t tap);

/* When to open one, by clock_steady(); UINT64_MAX: there is to be none. At once
 * where the library was loaded; in a child that was forked a second after its first
 * message, as many children live no longer, and a file costs as much as the whole
 * queue. */
uint64_t recorder_due(const struct config *config, uint64_t now_ns);

/*
 * Makes the file and has the queue move there. `order`: as many messages have been
 * given to the endpoint so far. Returns NULL where there can be none, which has been
 * logged: the queue stays where it is.
 */
struct recorder *recorder_open(const struct config *config, size_t tap,
			       struct queue *queue, uint64_t order,
			       const struct clock_pair *clocks);

/* How far the messages have come, from 1 on, in the order of sending. */
struct progress *recorder_progress(struct recorder *recorder);

/* What turns stamps into wall time by now. */
void recorder_set_clocks(struct recorder *recorder,
			 const struct clock_pair *clocks);

/* The clean end. */
void recorder_close(struct recorder *recorder);
