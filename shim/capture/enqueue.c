/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy for each tap, made while the server still holds its buffer.
 */
#include "shim/capture/enqueue.h"

#include <stddef.h>
#include <string.h>

#include "shim/base/thread.h"
#include "shim/capture/notes.h"
#include "shim/queue.h"

/* Every place of a queue. */
static _Atomic uint64_t all;

static struct enqueue_setup setup = { .taps = &all };

static uint64_t taps_now(void)
{
	return atomic_load_explicit(setup.taps, memory_order_acquire);
}

#define EACH_TAP(i, taps)                \
	for (uint64_t left_ = (taps), i; \
	     left_ && (i = __builtin_ctzll(left_), true); left_ &= left_ - 1)

void enqueue_begin(const struct enqueue_setup *from)
{
	setup = *from;
	all = ~UINT64_C(0) >> (ENQUEUE_QUEUES_MAX - setup.queues);
	if (!setup.taps)
		setup.taps = &all;
}

static struct queue *queue_at(size_t index)
{
	return atomic_load_explicit(&setup.queue[index], memory_order_acquire);
}

/* This process's queue of tap `index`. Returns NULL where it cannot be had. */
static struct queue *queue_of(size_t index)
{
	struct queue *queue = queue_at(index);

	if (queue)
		return queue;
	setup.start();
	return queue_at(index);
}

/* One call has to do with the same taps from its beginning to its end. One that was
 * removed before its first message, which this may be, has no queue any more: it is
 * for those that have come in its place. */
static uint64_t taps_begun(void)
{
	uint64_t taps = taps_now();

	EACH_TAP (i, taps)
		if (__builtin_expect(!queue_at(i), 0)) {
			setup.start();
			return taps_now();
		}
	return taps;
}

static void count_lost(size_t index, enum drop_cause cause, uint64_t n)
{
	struct queue *queue = queue_of(index);

	if (queue)
		queue_count_lost(queue, cause, n);
	else
		atomic_fetch_add_explicit(&setup.lost[index], n,
					  memory_order_relaxed);
}

uint64_t enqueue_captured(void)
{
	uint64_t captured = 0, taps = taps_now();

	EACH_TAP (i, taps & -taps) {
		struct queue *queue = queue_at(i);

		captured = queue ? queue_counted(queue) : 0;
	}
	return captured;
}

void enqueue_count_drop(enum drop_cause cause, uint64_t n)
{
	EACH_TAP (i, taps_now())
		count_lost(i, cause, n);
}

/* Which queue, of these taps, a reservation lies in. Returns false for what a forked
 * child has inherited of its parent's, and for a queue that has been given up. */
static bool find_queue(uint64_t link, uint64_t taps, size_t *index,
		       struct queue **queue)
{
	EACH_TAP (i, link ? taps : 0) {
		*queue = queue_at(i);
		*index = i;
		if (*queue && queue_has(*queue, link))
			return true;
	}
	return false;
}

/* What a call has reserved that the thread has jumped out of. */
static void abandon(struct thread_call *call)
{
	struct queue *queue;
	uint64_t next;
	size_t index;

	for (uint64_t link = call->first; find_queue(link, all, &index, &queue);
	     link = next) {
		next = queue_linked(queue, link)->link;
		queue_abandon(queue, call, link);
	}
	if (find_queue(call->newest, all, &index, &queue))
		queue_abandon(queue, call, call->newest);
}

/* `tail`: NULL where seen->tail is 0. */
static void write_event(struct event *event, const struct event *seen,
			const struct octets *message, const struct octets *tail)
{
	memcpy(event, seen, offsetof(struct event, part));
	octets_copy(message, event->payload, seen->size);
	if (__builtin_expect(tail != NULL, 0))
		octets_copy(tail, event->payload + seen->size, seen->tail);
}

static inline __attribute__((always_inline)) void enqueue_into(
	size_t index, struct thread_call *call, const struct event *seen,
	const struct octets *message, const struct octets *tail)
{
	struct queue *queue = queue_at(index);

	if (!queue) {
		count_lost(index, DROP_UNSTARTED, 1);
		return;
	}
	struct queue_room room =
		queue_reserve_for(queue, call, event_octets(seen));
	if (!room.event)
		return;
	write_event(room.event, seen, message, tail);
	room.event->exchange = seen->exchange;
	queue_commit(queue, room);
}

void enqueue(const struct event *seen, const struct octets *message)
{
	struct thread_call *call =
		thread_open(__builtin_frame_address(0), abandon);

	if (!call) {
		enqueue_count_drop(DROP_ABANDONED, 1);
		return;
	}
	EACH_TAP (i, taps_begun())
		enqueue_into(i, call, seen, message, NULL);
	thread_close(call, abandon);
}

/* Apart from the others, which have none. */
static __attribute__((noinline)) void enqueue_tailed(
	size_t index, struct thread_call *call, const struct event *seen,
	const struct octets *message, const struct octets *tail)
{
	enqueue_into(index, call, seen, message, tail);
}

/* What has been noted, as a tail. */
struct noted {
	struct event seen;
	struct iovec iov;
	struct octets tail;
};

/* Returns false if it is for another fd. */
static bool take_notes(struct noted *noted, int fd, const struct event *seen)
{
	const char *octets;
	size_t size = notes_take(fd, &octets);

	if (!size)
		return false;
	noted->seen = *seen;
	noted->seen.tail = size;
	noted->iov = (struct iovec){ (void *)octets, size };
	noted->tail = (struct octets){ .iov = &noted->iov, .left = size };
	return true;
}

void enqueue_given(uint64_t taps, const struct event *seen,
		   const struct octets *message, const struct octets *tail)
{
	struct thread_call *call =
		thread_open(__builtin_frame_address(0), abandon);

	taps &= taps_begun();
	EACH_TAP (i, taps) {
		if (call)
			enqueue_tailed(i, call, seen, message, tail);
		else
			count_lost(i, DROP_ABANDONED, 1);
	}
	if (call)
		thread_close(call, abandon);
}

void enqueue_noted(int fd, const struct event *seen,
		   const struct octets *message)
{
	struct thread_call *call = enqueue_enter(__builtin_frame_address(0));
	struct noted noted;

	if (!call || !take_notes(&noted, fd, seen)) {
		enqueue_leave(call);
		enqueue(seen, message);
		return;
	}
	EACH_TAP (i, taps_begun())
		enqueue_tailed(i, call, &noted.seen, message, &noted.tail);
	enqueue_leave(call);
}

struct thread_call *enqueue_enter(const void *frame)
{
	struct thread_call *call = thread_open(frame, abandon);

	if (!call || thread_state.depth == 1)
		return call;
	thread_close(call, abandon);
	return NULL;
}

void enqueue_leave(struct thread_call *call)
{
	if (call)
		thread_close(call, abandon);
}

/* Sends */

void enqueue_flight_begin(struct enqueue_flight *flight)
{
	flight->call = thread_open(flight, abandon);
	flight->last = NULL;
	flight->messages = 0;
	flight->taps = taps_now();
	flight->unstarted = 0;
}

static void append(struct enqueue_flight *flight, struct event *event,
		   uint64_t link)
{
	if (flight->last)
		flight->last->link = link;
	else
		flight->call->first = link;
	flight->last = event;
}

static void depart_into(struct enqueue_flight *flight, size_t index,
			const struct event *seen, const struct octets *message,
			const struct octets *tail)
{
	struct queue *queue = queue_at(index);

	if (!queue) {
		flight->unstarted |= UINT64_C(1) << index;
		return;
	}
	struct queue_room room =
		queue_depart(queue, flight->call, event_octets(seen));
	if (!room.event)
		return;
	room.event->part = flight->messages;
	append(flight, room.event, queue_link(queue, room));
	write_event(room.event, seen, message, tail);
	queue_departed(queue, room);
}

static inline void depart(struct enqueue_flight *flight,
			  const struct event *seen,
			  const struct octets *message,
			  const struct octets *tail)
{
	bool fits = flight->call && flight->messages < UINT16_MAX;

	/* Not before: what carries no message starts no tap. */
	if (!flight->messages)
		flight->taps = taps_begun();
	EACH_TAP (i, fits ? flight->taps : 0)
		depart_into(flight, i, seen, message, tail);
	flight->messages++;
}

void enqueue_depart(struct enqueue_flight *flight, const struct event *seen,
		    const struct octets *message)
{
	depart(flight, seen, message, NULL);
}

void enqueue_depart_noted(struct enqueue_flight *flight, int fd,
			  const struct event *seen,
			  const struct octets *message)
{
	struct noted noted;

	if (flight->call == thread_state.call + 1 &&
	    take_notes(&noted, fd, seen))
		depart(flight, &noted.seen, message, &noted.tail);
	else
		depart(flight, seen, message, NULL);
}

/* A send may have bound the socket: to a port, and where it is connected to an
 * address. */
static void complete(struct event *event, const struct address *local)
{
	bool inet6 = event->flags & EVENT_INET6;

	if (!event->local_port)
		event->local_port = local->port;
	if (event->flags & EVENT_LOCAL || !local->known ||
	    local->inet6 != inet6)
		return;
	memcpy(event->local, local->octets, inet6 ? 16 : 4);
	event->flags |= EVENT_LOCAL;
}

/* Lands one after the other, and counts for each queue those that have crossed.
 * Returns false if they were not to be found. */
static bool land_each(struct enqueue_flight *flight, uint32_t count,
		      const struct address *local, uint16_t landed[])
{
	uint64_t link = flight->call->first, next;
	struct queue *queue;
	size_t index;

	for (; find_queue(link, flight->taps, &index, &queue); link = next) {
		struct event *event = queue_linked(queue, link);
		bool crossed = event->part < count;

		next = event->link;
		if (crossed && local)
			complete(event, local);
		/* What is not this call's any more has been found abandoned. */
		queue_land(queue, flight->call, link, crossed);
		landed[index] += crossed;
	}
	return !link;
}

/* Within the call: nobody else adds to what it counts. */
static void count_landed(const struct enqueue_flight *flight,
			 const uint16_t landed[])
{
	EACH_TAP (i, flight->taps) {
		struct queue *queue = landed[i] ? queue_of(i) : NULL;

		if (queue)
			queue_landed(queue, flight->call, landed[i]);
	}
}

/* Of `count` messages that have crossed. A tap may have begun within the call. */
static void count_missing(const struct enqueue_flight *flight, uint32_t count,
			  const uint16_t landed[], enum drop_cause cause)
{
	EACH_TAP (i, flight->taps) {
		uint64_t begun = ~flight->unstarted >> i & 1;

		if (landed[i] < count)
			count_lost(i,
				   begun && queue_of(i) ? cause
							: DROP_UNSTARTED,
				   count - landed[i]);
	}
}

void enqueue_land(struct enqueue_flight *flight, uint32_t count,
		  const struct address *local)
{
	uint16_t landed[ENQUEUE_QUEUES_MAX];
	bool found = false;

	EACH_TAP (i, flight->taps)
		landed[i] = 0;
	if (flight->call) {
		found = land_each(flight, count, local, landed);
		count_landed(flight, landed);
		thread_close(flight->call, abandon);
	}
	count_missing(flight, count, landed,
		      found ? DROP_QUEUE_FULL : DROP_ABANDONED);
}
