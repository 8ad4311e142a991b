/* SPDX-License-Identifier: Apache-2.0
 *
 * Into the queues of this process, one for each tap.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/capture/stream.h"
#include "shim/drop.h"
#include "shim/event.h"

struct queue;

struct enqueue_setup {
	size_t queues;
	/* One per tap; NULL where this process has none yet. Both lie in memory
	 * that a forked child finds zeroed. */
	struct queue *_Atomic *queue;
	_Atomic uint64_t *lost;
	/* Called, on a server's thread, where a queue is NULL. Where it cannot
	 * help that, the messages that a tap lost are counted in `lost`. */
	void (*start)(void);
};

/* `setup` is copied; what it points to must stay. */
void enqueue_begin(const struct enqueue_setup *setup);

/* One whole DNS message: `seen` but for its payload, which `message` has. */
void enqueue(const struct event *seen, const struct octets *message);

/* A message that was seen, but cannot be logged. */
void enqueue_count_drop(enum drop_cause cause);
