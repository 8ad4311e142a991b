/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue between the server's threads and one tap's thread: bounded,
 * preallocated, many producers, one consumer, no lock.
 *
 * Slots lie in a ring. So that two threads on two cores do not fight for one
 * counter, a producer claims a run of slots from the ring with one atomic
 * operation and fills it by way of a lane of its own; threads share a lane only
 * when there are more of them than lanes. The consumer walks all the runs in
 * use and puts their events in the order of their times.
 *
 * Producers: any thread, any signal handler. They never wait: a full queue
 * drops the newest message and counts it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/drop.h"
#include "shim/event.h"

/* What one slot holds of a message; a larger one takes several in a row. */
#define QUEUE_SLOT_PAYLOAD 1280

struct queue;

/* Room in the queue: written by the one who reserved it, then committed. */
struct queue_room {
	struct event *event; /* NULL: the queue is full */
	uint64_t position;
};

/* Maps a queue for at least `messages` messages of up to QUEUE_SLOT_PAYLOAD
 * octets. The memory is touched as it is used and is not inherited by a forked
 * child. Returns NULL if the kernel refuses. */
struct queue *queue_new(size_t messages);
void queue_free(struct queue *queue);

/* Producers. The room is for `size` octets of payload; event->size and ->lane
 * are set, everything else is the caller's to fill before the commit. */
struct queue_room queue_reserve(struct queue *queue, size_t size);
void queue_commit(struct queue *queue, struct queue_room room);
void queue_void(struct queue *queue, struct queue_room room); /* no message */
struct queue_room queue_room_at(struct queue *queue, uint64_t position);
void queue_count_drop(struct queue *queue, enum drop_cause cause, uint64_t n);

/* The consumer. queue_collect finds what has been committed and returns how
 * many events are pending. Event 0 is the oldest. An event stamped before
 * `now_ns`, the time at which the call was made, comes only together with every
 * event that was committed before it was stamped: a query never comes after
 * its response. */
size_t queue_collect(struct queue *queue, uint64_t now_ns);
struct event *queue_event(const struct queue *queue, size_t index);

/* The first `count` pending events are done with; their slots are free. */
void queue_release(struct queue *queue, size_t count);

size_t queue_pending(const struct queue *queue);
size_t queue_capacity(const struct queue *queue);
uint64_t queue_dropped(const struct queue *queue, enum drop_cause cause);

/*
 * Sleeping. The consumer announces itself once with the thread to wake. After
 * queue_sleep returned true it may sleep until `QUEUE_WAKE_SIGNAL` is pending for
 * that thread; false: something has come in meanwhile. queue_awake ends it.
 */
#define QUEUE_WAKE_SIGNAL SIGURG
void queue_attend(struct queue *queue, pid_t process, pid_t thread);
bool queue_sleep(struct queue *queue);
bool queue_wakes(const struct queue *queue); /* false: a wake was refused */
void queue_awake(struct queue *queue);

/*
 * The end. Any thread asks the consumer to finish by `deadline_ns` of
 * clock_steady(), then waits for it, at the longest until that deadline.
 */
void queue_finish(struct queue *queue, uint64_t deadline_ns);
void queue_await_finished(struct queue *queue, uint64_t deadline_ns);
uint64_t queue_finish_deadline(const struct queue *queue); /* 0: not asked */
void queue_finished(struct queue *queue);                  /* by the consumer */

/* After the end, for another consumer. Returns false, and leaves the queue as it
 * is, if the last consumer has not finished. */
bool queue_reopen(struct queue *queue);
