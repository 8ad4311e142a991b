/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue: order, wrap-around, fullness, large messages. Many producers at a
 * time are tests/race's.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/queue.h"

#define MESSAGES 1000

static uint8_t octet_of(uint64_t time, size_t i)
{
	return (uint8_t)(time * 31 + i * 7 + (i >> 8));
}

static bool put(struct queue *queue, uint64_t time, size_t size)
{
	struct queue_room room = queue_reserve(queue, size);

	if (!room.event)
		return false;
	room.event->stamp_ns = time;
	for (size_t i = 0; i < size; i++)
		room.event->payload[i] = octet_of(time, i);
	queue_commit(queue, room);
	return true;
}

static void check_event(const struct event *event, uint64_t time, size_t size)
{
	cr_assert_eq(event->stamp_ns, time);
	cr_assert_eq(event->size, size);
	for (size_t i = 0; i < size; i++)
		if (event->payload[i] != octet_of(time, i))
			cr_assert_fail("octet %zu of %zu", i, size);
}

static size_t collect(struct queue *queue)
{
	return queue_collect(queue, UINT64_MAX);
}

Test(queue, is_empty_at_first)
{
	struct queue *queue = queue_new(MESSAGES);

	cr_assert_eq(collect(queue), 0);
	cr_assert(queue_sleep(queue));
	queue_free(queue);
}

Test(queue, holds_at_least_what_it_promises)
{
	struct queue *queue = queue_new(MESSAGES);
	uint64_t held = 0;

	while (put(queue, held + 1, QUEUE_SLOT_PAYLOAD))
		held++;
	cr_assert_geq(held, MESSAGES);
	cr_assert_eq(queue_dropped(queue, DROP_QUEUE_FULL), 1);
	cr_assert_not(put(queue, 1, 12));
	cr_assert_eq(queue_dropped(queue, DROP_QUEUE_FULL), 2);

	cr_assert_eq(collect(queue), held);
	for (uint64_t i = 0; i < held; i++)
		check_event(queue_event(queue, i), i + 1, QUEUE_SLOT_PAYLOAD);
	queue_release(queue, held);
	cr_assert_eq(collect(queue), 0);
	cr_assert(put(queue, 1, 12), "room again after the release");
	queue_free(queue);
}

/* Every size, in laps that end at every slot of the ring. */
Test(queue, carries_every_size_across_the_end_of_the_ring)
{
	struct queue *queue = queue_new(200);
	uint64_t time = 1;

	for (size_t size = 12; size <= EVENT_PAYLOAD_MAX;
	     size += 1 + size / 37, time++) {
		cr_assert(put(queue, time, size), "%zu octets", size);
		cr_assert_eq(collect(queue), 1);
		check_event(queue_event(queue, 0), time, size);
		queue_release(queue, 1);
	}
	cr_assert(put(queue, time, EVENT_PAYLOAD_MAX));
	cr_assert_eq(collect(queue), 1);
	check_event(queue_event(queue, 0), time, EVENT_PAYLOAD_MAX);
	queue_free(queue);
}

Test(queue, keeps_what_is_not_released)
{
	struct queue *queue = queue_new(MESSAGES);
	uint64_t in = 0, out = 0;

	srandom(1);
	while (out < 100000) {
		for (long n = random() % 90; n; n--)
			in += put(queue, in + 1, 12 + random() % 3000);
		size_t pending = collect(queue);
		cr_assert_eq(pending, in - out);
		size_t done = pending ? random() % (pending + 1) : 0;
		for (size_t i = 0; i < done; i++)
			cr_assert_eq(queue_event(queue, i)->stamp_ns, ++out);
		queue_release(queue, done);
	}
	queue_free(queue);
}

/* A light load leaves most of a large queue untouched. */
Test(queue, goes_back_to_its_beginning_when_it_is_empty)
{
	struct queue *queue = queue_new(100 * MESSAGES);
	const struct event *first = NULL, *last = NULL;

	for (uint64_t time = 1; time <= 20 * MESSAGES; time++) {
		cr_assert(put(queue, time, 12));
		cr_assert_eq(collect(queue), 1);
		check_event(queue_event(queue, 0), time, 12);
		if (!first)
			first = last = queue_event(queue, 0);
		if (queue_event(queue, 0) > last)
			last = queue_event(queue, 0);
		queue_release(queue, 1);
	}
	cr_assert_lt((char *)last - (char *)first,
		     9 * MESSAGES * QUEUE_SLOT_PAYLOAD);
	cr_assert_eq(queue_dropped(queue, DROP_QUEUE_FULL), 0);
	queue_free(queue);
}

Test(queue, hands_out_the_younger_later)
{
	struct queue *queue = queue_new(MESSAGES);

	put(queue, 1000, 12);
	put(queue, 3000, 12);
	cr_assert_eq(queue_collect(queue, 2000), 1);
	cr_assert_eq(queue_collect(queue, 4000), 2);
	/* Far ahead of the clock: that was set back. */
	put(queue, 4000 + NS_PER_S, 12);
	cr_assert_eq(queue_collect(queue, 4000), 3);
	queue_free(queue);
}

Test(queue, orders_by_time)
{
	static const uint64_t times[] = { 50, 10, 40, 10, 30 };
	static const uint64_t sorted[] = { 10, 10, 30, 40, 50 };
	struct queue *queue = queue_new(MESSAGES);

	for (size_t i = 0; i < 5; i++)
		put(queue, times[i], 12 + i);
	cr_assert_eq(collect(queue), 5);
	for (size_t i = 0; i < 5; i++)
		cr_assert_eq(queue_event(queue, i)->stamp_ns, sorted[i]);
	cr_assert_eq(queue_event(queue, 0)->size, 13, "equal times keep order");
	queue_free(queue);
}

/* Nor does each event then take its way past all that wait. */
Test(queue, keeps_what_came_before_the_clock_was_set_back)
{
	struct queue *queue = queue_new(MESSAGES);

	put(queue, 5 * NS_PER_S, 12);
	collect(queue);
	put(queue, 2 * NS_PER_S, 12);
	put(queue, 2 * NS_PER_S - 1, 12);
	cr_assert_eq(collect(queue), 3);
	cr_assert_eq(queue_event(queue, 0)->stamp_ns, 5 * NS_PER_S);
	cr_assert_eq(queue_event(queue, 1)->stamp_ns, 2 * NS_PER_S - 1);
	queue_free(queue);
}

Test(queue, sleeps_only_when_there_is_nothing_to_do)
{
	struct queue *queue = queue_new(MESSAGES);

	put(queue, 1, 12);
	cr_assert_not(queue_sleep(queue), "a message is there");
	collect(queue);
	cr_assert_not(queue_sleep(queue), "a message is pending");
	queue_release(queue, 1);
	cr_assert(queue_sleep(queue));
	queue_awake(queue);
	queue_finish(queue, 1);
	cr_assert_not(queue_sleep(queue), "asked to finish");
	queue_free(queue);
}

Test(queue, is_not_inherited)
{
	struct queue *queue = queue_new(MESSAGES);
	int status;
	pid_t child = fork();

	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		put(queue, 1, 12);
		_exit(0);
	}
	waitpid(child, &status, 0);
	cr_assert(!WIFEXITED(status) || WEXITSTATUS(status),
		  "the child wrote into the parent's queue");
	queue_free(queue);
}

#define BURST 48

static struct queue *interrupted;
static _Atomic uint64_t in, out;
static _Atomic bool over;

static void put_one(void)
{
	if (put(interrupted, 1, 12))
		in++;
}

/* Claims more runs than one, and gives them time to be read and released. */
static void interrupt(int signal)
{
	uint64_t until = clock_steady() + NS_PER_MS / 30;

	(void)signal;
	if (in - out > MESSAGES / 3)
		return;
	for (int i = 0; i < BURST; i++)
		put_one();
	while (clock_steady() < until)
		;
}

/* Spared the interruptions: they would go on while the producer stands still in
 * the middle of a message, behind which no room comes back. */
static void *consume(void *nothing)
{
	sigset_t all;

	(void)nothing;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (!over) {
		size_t count = collect(interrupted);
		queue_release(interrupted, count);
		out += count;
	}
	return NULL;
}

/* A producer that is held up between its looks at the head and at the tail, both
 * of which have moved on when it goes on. */
Test(queue, is_never_full_by_mistake)
{
	struct itimerval every = { { 0, 200 }, { 0, 200 } };
	uint64_t end = clock_steady() + NS_PER_S;
	pthread_t consumer;

	interrupted = queue_new(MESSAGES);
	pthread_create(&consumer, NULL, consume, NULL);
	signal(SIGALRM, interrupt);
	setitimer(ITIMER_REAL, &every, NULL);
	while (clock_steady() < end)
		if (in - out < MESSAGES / 3)
			put_one();
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	over = true;
	pthread_join(consumer, NULL);
	cr_assert_eq(queue_dropped(interrupted, DROP_QUEUE_FULL), 0);
	queue_free(interrupted);
}
