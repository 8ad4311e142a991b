/* SPDX-License-Identifier: Apache-2.0
 *
 * Into the queues of this process, one for each tap.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/address.h"
#include "proto/event.h"
#include "shim/capture/stream.h"
#include "shim/drop.h"

struct queue;
struct thread_call;

#define ENQUEUE_QUEUES_MAX 64

struct enqueue_setup {
	size_t queues; /* at most ENQUEUE_QUEUES_MAX */
	/* One per tap; NULL where this process has none yet. Both lie in memory
	 * that a forked child finds zeroed. */
	struct queue *_Atomic *queue;
	_Atomic uint64_t *lost;
	/* Called, on a server's thread, where a queue is NULL. Where it cannot
	 * help that, the messages that a tap lost are counted in `lost`. */
	void (*start)(void);
	/* Bits: the queues that take messages; NULL: all. What was reserved in one
	 * before its bit went lands there all the same. */
	const _Atomic uint64_t *taps;
};

/* `setup` is copied; what it points to must stay. */
void enqueue_begin(const struct enqueue_setup *setup);

/* One whole DNS message: `seen` but for its payload, which `message` has. */
void enqueue(const struct event *seen, const struct octets *message);

/* Likewise, sent on `fd`: with what this thread has noted for it (notes.h). */
void enqueue_noted(int fd, const struct event *seen,
		   const struct octets *message);

/* Likewise one that the program gives, with seen->tail octets of `tail`: into the queues
 * of `taps`, which are bits. */
void enqueue_given(uint64_t taps, const struct event *seen,
		   const struct octets *message, const struct octets *tail);

/* Opens a call in which nothing is put into queues; `frame` as in thread_open. NULL: one
 * of this thread's is open, and a signal handler has interrupted it. */
struct thread_call *enqueue_enter(const void *frame);
void enqueue_leave(struct thread_call *call);

/* How many messages have crossed so far, as the first tap of those that there are has it. */
uint64_t enqueue_captured(void);

/* `n` messages that were seen, but cannot be logged. */
void enqueue_count_drop(enum drop_cause cause, uint64_t n);

/*
 * Messages that are about to be sent by one call. Their octets are the host's
 * again the moment the call has sent them, so they are copied before it, and
 * committed once it is known how many it took.
 *
 *	enqueue_flight_begin
 *	enqueue_depart        for each message of the call, in order
 *	  the real call
 *	enqueue_land          always, unless the call never returns
 */
struct enqueue_flight {
	struct thread_call *call; /* NULL: too many of this thread's are open */
	struct event *last;       /* of the reservations */
	uint32_t messages;        /* so far */
	uint64_t taps;            /* into whose queues */
	uint64_t unstarted;       /* of these: which had none */
};

void enqueue_flight_begin(struct enqueue_flight *flight);

/* One whole DNS message. */
void enqueue_depart(struct enqueue_flight *flight, const struct event *seen,
		    const struct octets *message);

/* Likewise, on `fd`: with what this thread has noted for it. */
void enqueue_depart_noted(struct enqueue_flight *flight, int fd,
			  const struct event *seen,
			  const struct octets *message);

/* The call took the first `count` of them; the others never crossed. `local`: the
 * address and port that those have whose local address is not known (a send may
 * bind a socket), or NULL. */
void enqueue_land(struct enqueue_flight *flight, uint32_t count,
		  const struct address *local);
