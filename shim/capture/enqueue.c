/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy for each tap, made while the server still holds its buffer.
 */
#include "shim/capture/enqueue.h"

#include <stddef.h>
#include <string.h>

#include "shim/queue.h"

static struct enqueue_setup setup;

void enqueue_begin(const struct enqueue_setup *from)
{
	setup = *from;
}

/* This process's queue of tap `index`. Returns NULL where it cannot be had, and
 * counts a message as lost to it. */
static struct queue *queue_of(size_t index)
{
	struct queue *queue =
		atomic_load_explicit(&setup.queue[index], memory_order_acquire);
	if (queue)
		return queue;
	setup.start();
	queue = atomic_load_explicit(&setup.queue[index], memory_order_acquire);
	if (!queue)
		atomic_fetch_add_explicit(&setup.lost[index], 1,
					  memory_order_relaxed);
	return queue;
}

void enqueue_count_drop(enum drop_cause cause)
{
	for (size_t i = 0; i < setup.queues; i++) {
		struct queue *queue = queue_of(i);

		if (queue)
			queue_count_drop(queue, cause, 1);
	}
}

void enqueue(const struct event *seen, const struct octets *message)
{
	for (size_t i = 0; i < setup.queues; i++) {
		struct queue *queue = queue_of(i);

		if (!queue)
			continue;
		struct queue_room room = queue_reserve(queue, seen->size);
		if (!room.event)
			continue;
		memcpy(room.event, seen, offsetof(struct event, part));
		octets_copy(message, room.event->payload, seen->size);
		queue_commit(queue, room);
	}
}
