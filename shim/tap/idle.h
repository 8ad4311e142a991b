/* SPDX-License-Identifier: Apache-2.0
 *
 * How a tap's thread idles between two cycles: how long at most, what ends that
 * before, and the signal by which a server's thread ends one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/queue.h"
#include "shim/tap/control.h"
#include "shim/tap/endpoint/endpoint.h"

/* So many messages of one cycle are many, and very many; a queue holds 10,000. */
#define CYCLE_MANY 32
#define CYCLE_MOST 128

/* What the cycle before has found; the tap's thread writes it. */
struct cycle {
	uint64_t began;     /* by clock_steady() */
	uint64_t last_seen; /* when a message was last found, in any cycle */
	size_t moved;       /* messages done with */
	bool full;          /* the endpoint has no room for the next message */
	bool ending;        /* the end has been asked for */
};

struct idle {
	struct queue *queue;
	struct endpoint *endpoint;
	struct control *control;
	int wake_fd; /* a signalfd; -1: there is none, so rests are short */
	uint64_t sleep_ns; /* the next sleep, if nobody ends it */
	uint64_t began;    /* the last cycle */
	uint64_t rate;     /* messages a second, over the last of AVERAGE_NS */
};

/* On the thread that is to idle, which has QUEUE_WAKE_SIGNAL blocked: from now on
 * the queue may wake it. */
void idle_open(struct idle *idle, struct queue *queue,
	       struct endpoint *endpoint, struct control *control);
void idle_close(struct idle *idle);

/* Rests until `until_ns` of clock_steady(), or until there may be something to
 * do before. */
void idle_until(struct idle *idle, const struct cycle *cycle,
		uint64_t until_ns);
