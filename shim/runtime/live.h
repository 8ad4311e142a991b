/* SPDX-License-Identifier: Apache-2.0
 *
 * What lives in a process. For the files of this folder alone.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/base/process.h"
#include "shim/hook/stop.h"
#include "shim/tap/metrics.h"

struct queue;

enum state {
	IDLE,    /* no thread */
	RUNNING, /* a thread, or about to have one */
	ENDED,   /* the thread has ended, or will; another may follow */
};

/* Zero in a process that has not begun. */
struct live {
	struct process process;
	bool eldest;               /* in whom the library was loaded */
	_Atomic uint64_t began_ns; /* the first message */
	_Atomic uint64_t retry_ns;
	struct queue *_Atomic queue[CONFIG_TAPS_MAX]; /* what capture fills */
	struct queue *_Atomic mapped[CONFIG_TAPS_MAX];
	_Atomic enum state state[CONFIG_TAPS_MAX];
	struct metrics metrics;
	struct stop stop;
};

extern struct live *live; /* NULL: nothing is tapped */

/*
 * What is in force; a forked child inherits it. A tap has a place in live_config->taps
 * for good, which is its index everywhere: one that is removed leaves it empty, one that
 * is added gets the next. live_taps has the bits of those that there are, and is written
 * behind the configuration that has them; old ones stay, as others may be reading them.
 */
extern struct config *_Atomic live_config;
extern _Atomic uint64_t live_taps;

static inline bool live_has(size_t tap)
{
	return atomic_load_explicit(&live_taps, memory_order_acquire) >> tap &
	       1;
}

/* It has a queue and no thread: messages came where none could be started. It may have
 * been removed since. */
static inline bool live_waits(size_t tap)
{
	return atomic_load(&live->queue[tap]) &&
	       atomic_load(&live->state[tap]) == IDLE;
}
