/* SPDX-License-Identifier: Apache-2.0
 *
 * Several producers and a consumer at one queue, to be run under the thread
 * sanitizer: nothing lost, nothing twice, every octet right, each producer's
 * messages in order. A program of its own, as Criterion cannot be instrumented.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/queue.h"

#define MESSAGES     1000
#define PRODUCERS    4
#define PER_PRODUCER 20000

struct producer {
	pthread_t thread;
	struct queue *queue;
	unsigned number;
};

static void check(bool good, const char *what, uint32_t number)
{
	if (good)
		return;
	fprintf(stderr, "race/queue: %s, at message %u\n", what, number);
	exit(1);
}

static uint8_t octet_of(uint32_t number, size_t i)
{
	return (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

/* `number` is the message's among its producer's, whom the port tells. */
static bool put(const struct producer *producer, uint32_t number, size_t size)
{
	uint64_t now = clock_steady();
	struct queue_room room = queue_reserve(producer->queue, size);

	if (!room.event)
		return false;
	room.event->stamp_ns = now;
	room.event->local_port = producer->number;
	memcpy(room.event->payload, &number, sizeof(number));
	for (size_t i = sizeof(number); i < size; i++)
		room.event->payload[i] = octet_of(number, i);
	queue_commit(producer->queue, room);
	return true;
}

static void *produce(void *argument)
{
	struct producer *producer = argument;
	unsigned seed = producer->number;

	for (uint32_t i = 1; i <= PER_PRODUCER; i++) {
		size_t large = rand_r(&seed) % 64 ? 600 : 60000;
		size_t size = 12 + rand_r(&seed) % large;

		while (!put(producer, i, size))
			sched_yield();
	}
	return NULL;
}

static void consume(const struct event *event, uint32_t seen[PRODUCERS])
{
	uint32_t number;

	memcpy(&number, event->payload, sizeof(number));
	check(number == ++seen[event->local_port], "out of order", number);
	for (size_t i = sizeof(number); i < event->size; i++)
		check(event->payload[i] == octet_of(number, i), "wrong octet",
		      number);
}

int main(void)
{
	struct queue *queue = queue_new(MESSAGES);
	struct producer producer[PRODUCERS];
	uint32_t seen[PRODUCERS] = { 0 };

	for (unsigned i = 0; i < PRODUCERS; i++) {
		producer[i] = (struct producer){ .queue = queue, .number = i };
		pthread_create(&producer[i].thread, NULL, produce,
			       &producer[i]);
	}
	for (uint64_t got = 0; got < PRODUCERS * PER_PRODUCER;) {
		size_t pending = queue_collect(queue, clock_steady());

		for (size_t i = 0; i < pending; i++)
			consume(queue_event(queue, i), seen);
		queue_release(queue, pending);
		got += pending;
		if (!pending)
			sched_yield();
	}
	for (unsigned i = 0; i < PRODUCERS; i++) {
		pthread_join(producer[i].thread, NULL);
		check(seen[i] == PER_PRODUCER, "lost", i);
	}
	check(queue_collect(queue, clock_steady()) == 0, "surplus", 0);
	printf("race/queue: %d messages of %d producers\n",
	       PRODUCERS * PER_PRODUCER, PRODUCERS);
	queue_free(queue);
	return 0;
}
