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

/* This process's queue of tap `index`. Returns NULL where it cannot be had. */
static struct queue *queue_of(size_t index)
{
	struct queue *queue =
		atomic_load_explicit(&setup.queue[index], memory_order_acquire);
	if (queue)
		return queue;
	setup.start();
	return atomic_load_explicit(&setup.queue[index], memory_order_acquire);
}

static void count_lost(size_t index, enum drop_cause cause, uint64_t n)
{
	struct queue *queue = queue_of(index);

	if (queue)
		queue_count_drop(queue, cause, n);
	else
		atomic_fetch_add_explicit(&setup.lost[index], n,
					  memory_order_relaxed);
}

void enqueue_count_drop(enum drop_cause cause, uint64_t n)
{
	for (size_t i = 0; i < setup.queues; i++)
		count_lost(i, cause, n);
}

static void write_event(struct event *event, const struct event *seen,
			const struct octets *message)
{
	memcpy(event, seen, offsetof(struct event, part));
	octets_copy(message, event->payload, seen->size);
}

void enqueue(const struct event *seen, const struct octets *message)
{
	for (size_t i = 0; i < setup.queues; i++) {
		struct queue *queue = queue_of(i);

		if (!queue) {
			count_lost(i, DROP_UNSTARTED, 1);
			continue;
		}
		struct queue_room room = queue_reserve(queue, seen->size);
		if (!room.event)
			continue;
		write_event(room.event, seen, message);
		queue_commit(queue, room);
	}
}

/* Sends. For the time being: what finds no room is counted at once. */

#define LINK_INDEX_SHIFT 58

static struct queue *queue_of_link(uint64_t link)
{
	return setup.queue[link >> LINK_INDEX_SHIFT];
}

static struct queue_room room_of(uint64_t link)
{
	return queue_room_at(queue_of_link(link),
			     (link & ((1ull << LINK_INDEX_SHIFT) - 1)) - 1);
}

void enqueue_flight_begin(struct enqueue_flight *flight)
{
	flight->first = flight->last = 0;
	flight->parts = 0;
}

static void append(struct enqueue_flight *flight, uint64_t link)
{
	struct event *event = room_of(link).event;

	if (flight->last)
		room_of(flight->last).event->link = link;
	else
		flight->first = link;
	flight->last = link;
	event->link = 0;
	event->thread = flight->parts;
}

static void depart_into(struct enqueue_flight *flight, size_t index,
			const struct event *seen, const struct octets *message)
{
	struct queue *queue = queue_of(index);

	if (!queue) {
		count_lost(index, DROP_UNSTARTED, 1);
		return;
	}
	struct queue_room room = queue_reserve(queue, seen->size);
	if (!room.event)
		return;
	write_event(room.event, seen, message);
	append(flight,
	       ((uint64_t)index << LINK_INDEX_SHIFT) + room.position + 1);
}

void enqueue_depart(struct enqueue_flight *flight, const struct event *seen,
		    const struct octets *message)
{
	for (size_t i = 0; seen && i < setup.queues; i++)
		depart_into(flight, i, seen, message);
	flight->parts++;
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

void enqueue_land(struct enqueue_flight *flight, size_t count,
		  const struct address *local)
{
	for (uint64_t link = flight->first, next; link; link = next) {
		struct queue_room room = room_of(link);

		next = room.event->link;
		if (room.event->thread < count) {
			if (local)
				complete(room.event, local);
			queue_commit(queue_of_link(link), room);
		} else {
			queue_void(queue_of_link(link), room);
		}
	}
}
