/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue between the server's threads and one tap's thread: bounded,
 * preallocated, many producers, one consumer, no lock.
 *
 * Producers: any thread, any signal handler. They never wait: a full queue
 * drops the newest message and counts it. A reservation is in flight until it is
 * committed or void; its thread may be frozen, jump out of it or end in it, and
 * withholds no more of the queue than the run of slots that it lies in.
 *
 * How it works: queue/ring.h.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/event.h"
#include "shim/drop.h"

/* What one slot holds of a message; a larger one takes several in a row. */
#define QUEUE_SLOT_PAYLOAD 1280

struct queue;
struct thread_call; /* base/thread.h: whose reservation it is; NULL: nobody's */

/* Room in the queue: written by the one who reserved it, then committed. */
struct queue_room {
	struct event *event; /* NULL: the queue is full */
	uint64_t mark;       /* what its slot's mark says */
};

/* Maps a queue for at least `messages` messages of up to QUEUE_SLOT_PAYLOAD
 * octets. The memory is touched as it is used. A forked child has none of it: what
 * it was interrupted in it may finish, to no effect. Returns NULL if the kernel
 * refuses. */
struct queue *queue_new(size_t messages);
void queue_free(struct queue *queue);

/* Producers. The room is for `size` octets of payload and tail; what is not the
 * observer's to write is set, and event->size as if all were payload; the rest is the
 * caller's to fill. */

/* For a message that has crossed its socket. Where there is no room it counts as
 * lost. */
struct queue_room queue_reserve_for(struct queue *queue,
				    struct thread_call *call, size_t size);
static inline struct queue_room queue_reserve(struct queue *queue, size_t size)
{
	return queue_reserve_for(queue, NULL, size);
}
void queue_commit(struct queue *queue, struct queue_room room);

/* For one that is about to be sent: it counts when it has landed. */
struct queue_room queue_depart(struct queue *queue, struct thread_call *call,
			       size_t size);
void queue_departed(struct queue *queue, struct queue_room room); /* filled */

/* Such a reservation as one number, which is never 0. */
uint64_t queue_link(const struct queue *queue, struct queue_room room);
bool queue_has(const struct queue *queue, uint64_t link);
struct event *queue_linked(const struct queue *queue, uint64_t link);

/* The call is over: each reservation lands, in their order; false: it was not this
 * call's any more. At last: `n` of them have crossed. */
bool queue_land(struct queue *queue, const struct thread_call *call,
		uint64_t link, bool crossed);
void queue_landed(struct queue *queue, const struct thread_call *call,
		  uint64_t n);

/* This thread has jumped out of the call, and will not come back to it. The link:
 * of one of its reservations, or call->newest. */
void queue_abandon(struct queue *queue, const struct thread_call *call,
		   uint64_t link);

/* `n` messages that crossed, and never got in: captured, and dropped. */
void queue_count_lost(struct queue *queue, enum drop_cause cause, uint64_t n);

/* Messages that crossed, as the producers counted them. Any thread. */
uint64_t queue_counted(const struct queue *queue);

/*
 * The consumer. queue_collect finds what has been committed and returns how
 * many events are pending. Event 0 is the oldest. An event stamped before
 * `now_ns`, the time at which the call was made, comes only together with every
 * event that was committed before it was stamped: a query never comes after
 * its response, and no thread overtakes itself. Younger ones come next time.
 */
size_t queue_collect(struct queue *queue, uint64_t now_ns);

/* Likewise, at the end: of what is in flight that is left whose thread lives. */
size_t queue_collect_last(struct queue *queue, uint64_t now_ns);

struct event *queue_event(const struct queue *queue, size_t index);

/* The first `count` pending events are done with; their slots are free. */
void queue_release(struct queue *queue, size_t count);

/*
 * Memory that outlives the process. From now on each run of slots moves into the
 * file as soon as nothing in it is in flight: to `offset` and behind it, where
 * queue_file_size() octets are reserved, as a write to a page that cannot be had
 * ends the process. The fd is used until the next move or the end; -1: it is over.
 * A forked child has none of it (queue_empty). queue_moves: false also when the
 * kernel has refused to map some of it. queue_unmoved: runs that are yet to move.
 *
 * The file is to say what has been sent. So messages stay where they are until
 * they are: queue_hold, before queue_release; then queue_sending, in the order in
 * which they are sent, with the octets of each; queue_sent, the first `total` of
 * them by now; they are numbered from `order` + 1 on. Or queue_let: it will not be sent.
 */
uint64_t queue_file_size(const struct queue *queue);
void queue_move(struct queue *queue, int fd, uint64_t offset, uint64_t order);
bool queue_moves(const struct queue *queue);
size_t queue_unmoved(const struct queue *queue);
void queue_hold(struct queue *queue, const struct event *event);
void queue_sending(struct queue *queue, struct event *event, uint32_t octets);
void queue_sent(struct queue *queue, uint64_t total);
void queue_let(struct queue *queue, const struct event *event);

/* What the messages were in goes back to the kernel, and nobody reads what stands there
 * instead; a call that is still under way may write to it, to no effect. In a forked child,
 * before anything else, as its parent's may be in files. Async-signal-safe. */
void queue_empty(const struct queue *queue);

/* Likewise, behind queue_collect_last, when a tap has gone for good. Not while a call has
 * reservations there: they lead to those that it has in other queues. */
void queue_give_back(const struct queue *queue);

/* Captured, but not collected when that was last tried. */
uint64_t queue_in_ring(const struct queue *queue);

/* Messages that crossed: as the producers counted them, and those that a producer
 * has left before it counted them. */
uint64_t queue_captured(const struct queue *queue);

/* At that time: is a query still being sent that was stamped before this? */
bool queue_awaits(const struct queue *queue, uint64_t stamp_ns);

/* `n` messages that were collected and then lost. */
void queue_count_drop(struct queue *queue, enum drop_cause cause, uint64_t n);

size_t queue_pending(const struct queue *queue);
uint64_t queue_dropped(const struct queue *queue, enum drop_cause cause);

/*
 * Before there is a consumer: from now on the next message to be committed has
 * `begin` called on its thread, once.
 */
void queue_await_consumer(struct queue *queue, void (*begin)(void));

/* Until there is one that has been started: at the longest until `deadline_ns`. */
void queue_await_attended(struct queue *queue, uint64_t deadline_ns);

/*
 * Sleeping. The consumer announces itself once with the thread to wake. After
 * queue_sleep returned true it may sleep until `QUEUE_WAKE_SIGNAL` is pending for
 * that thread; false: something has come in meanwhile. queue_awake ends it.
 */
#define QUEUE_WAKE_SIGNAL SIGURG
void queue_attend(struct queue *queue, pid_t process, pid_t thread);
bool queue_sleep(struct queue *queue);
/* Of the last sleep: something has been in flight for so long that nobody waits for it,
 * and whoever commits it may not see that the consumer sleeps. It is not to be long. */
bool queue_sleeps_lightly(const struct queue *queue);
bool queue_wakes(const struct queue *queue); /* false: a wake was refused */
void queue_wake_last(struct queue *queue);   /* from now on all will be */
void queue_awake(struct queue *queue);

/* Wakes the consumer whatever it waits for. */
void queue_wake(struct queue *queue);

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
