/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue: order, wrap-around, fullness, large messages. Many producers at a
 * time are tests/race's.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"
#include "shim/queue.h"
#include "tests/unit/refuse.h"

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

/* Every size, behind every other. */
Test(queue, carries_every_size)
{
	struct queue *queue = queue_new(200);
	uint64_t time = 1;

	for (size_t size = 12; size <= EVENT_SIZE_MAX;
	     size += 1 + size / 37, time++) {
		cr_assert(put(queue, time, size), "%zu octets", size);
		cr_assert_eq(collect(queue), 1);
		check_event(queue_event(queue, 0), time, size);
		queue_release(queue, 1);
	}
	cr_assert(put(queue, time, EVENT_SIZE_MAX));
	cr_assert_eq(collect(queue), 1);
	check_event(queue_event(queue, 0), time, EVENT_SIZE_MAX);
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
Test(queue, keeps_to_what_it_has_used)
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
		     10 * MESSAGES * QUEUE_SLOT_PAYLOAD);
	cr_assert_eq(queue_dropped(queue, DROP_QUEUE_FULL), 0);
	queue_free(queue);
}

Test(queue, hands_out_the_younger_later)
{
	struct queue *queue = queue_new(MESSAGES);

	put(queue, 1 * NS_PER_MS, 12);
	put(queue, 3 * NS_PER_MS, 12);
	cr_assert_eq(queue_collect(queue, 2 * NS_PER_MS), 1);
	cr_assert_eq(queue_in_ring(queue), 1);
	cr_assert_eq(queue_collect(queue, 4 * NS_PER_MS), 2);
	cr_assert_eq(queue_in_ring(queue), 0);
	/* However much: the consumer was held up since it looked at the clock. */
	put(queue, 3600 * NS_PER_S, 12);
	cr_assert_eq(queue_collect(queue, 4 * NS_PER_MS), 2);
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

/* A child that was forked in the midst of it goes on, to no effect. */
Test(queue, is_not_inherited)
{
	struct queue *queue = queue_new(MESSAGES);
	struct queue_room room = queue_reserve(queue, 12);
	int status;
	pid_t child = fork();

	if (!child) {
		memset(room.event->payload, 1, 12);
		queue_commit(queue, room);
		put(queue, 1, 12);
		_exit(0);
	}
	waitpid(child, &status, 0);
	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	cr_assert_eq(collect(queue), 0);
	room.event->stamp_ns = 1;
	queue_commit(queue, room);
	cr_assert_eq(collect(queue), 1);
	cr_assert_eq(queue_event(queue, 0)->payload[0], 0);
	cr_assert_eq(queue_captured(queue), 1);
	queue_free(queue);
}

/* As often as the whole queue is large, in order, and all of it. */
static void pass_by(struct queue *queue, uint64_t times)
{
	uint64_t time = 1000;

	for (uint64_t i = 0; i < times * 2 * MESSAGES; i++) {
		cr_assert(put(queue, ++time, 12));
		if (i % 100)
			continue;
		for (size_t n = collect(queue); n; n--) {
			uint64_t first = queue_event(queue, 0)->stamp_ns;
			cr_assert_eq(first, time - n + 1);
			queue_release(queue, 1);
		}
	}
	queue_release(queue, collect(queue));
	cr_assert_eq(queue_dropped(queue, DROP_QUEUE_FULL), 0);
}

Test(queue, goes_on_behind_a_hole)
{
	struct queue *queue = queue_new(MESSAGES);
	struct queue_room hole[20];

	for (size_t i = 0; i < 20; i++) {
		hole[i] = queue_reserve(queue, 12);
		pass_by(queue, 1);
	}
	pass_by(queue, 10);
	cr_assert_eq(queue_in_ring(queue), 20);
	/* Late, but not lost. */
	for (size_t i = 0; i < 20; i++) {
		hole[i].event->stamp_ns = i + 1;
		queue_commit(queue, hole[i]);
	}
	cr_assert_eq(collect(queue), 20);
	for (size_t i = 0; i < 20; i++)
		cr_assert_eq(queue_event(queue, i)->stamp_ns, i + 1);
	queue_release(queue, 20);
	cr_assert_eq(queue_in_ring(queue), 0);
	pass_by(queue, 2);
	queue_free(queue);
}

static void *reserve_and_end(void *queue)
{
	queue_reserve(queue, 12);
	queue_reserve(queue, 60000);
	queue_departed(queue, queue_depart(queue, NULL, 12));
	queue_depart(queue, NULL, 3000); /* has not got as far as its call */
	return NULL;
}

static void let_seconds_pass(struct queue *queue)
{
	for (int i = 0; i < 4; i++)
		queue_collect(queue, clock_steady() + i * NS_PER_S);
}

Test(queue, retires_what_a_thread_has_left_that_has_ended)
{
	struct queue *queue = queue_new(MESSAGES);
	pthread_t thread;

	for (int i = 0; i < 300; i++) {
		pthread_create(&thread, NULL, reserve_and_end, queue);
		pthread_join(thread, NULL);
		let_seconds_pass(queue);
	}
	cr_assert_eq(queue_dropped(queue, DROP_ABANDONED), 900);
	cr_assert_eq(queue_captured(queue), 900);
	cr_assert_eq(queue_dropped(queue, DROP_QUEUE_FULL), 0);
	cr_assert_eq(queue_in_ring(queue), 0);
	queue_free(queue);
}

/* The end comes before they are asked after. */
Test(queue, retires_at_the_end_what_threads_have_left)
{
	struct queue *queue = queue_new(MESSAGES);
	struct queue_room room = queue_reserve(queue, 12);
	pthread_t thread;

	cr_assert(put(queue, 1, 12));
	pthread_create(&thread, NULL, reserve_and_end, queue);
	pthread_join(thread, NULL);
	cr_assert_eq(queue_collect_last(queue, UINT64_MAX), 1);
	cr_assert_eq(queue_dropped(queue, DROP_ABANDONED), 3);
	cr_assert_eq(queue_captured(queue), 5);
	cr_assert_eq(queue_in_ring(queue), 1, "its thread lives");
	queue_commit(queue, room);
	queue_free(queue);
}

Test(queue, keeps_what_a_living_thread_has_reserved)
{
	struct queue *queue = queue_new(MESSAGES);
	struct queue_room room = queue_reserve(queue, 12);

	cr_assert_not(queue_sleep(queue), "it may come at any moment");
	let_seconds_pass(queue);
	cr_assert_eq(queue_dropped(queue, DROP_ABANDONED), 0);
	cr_assert_eq(queue_in_ring(queue), 1);
	cr_assert(queue_sleep(queue), "not awaited for ever");
	cr_assert(queue_sleeps_lightly(queue),
		  "who commits it may not see that");
	queue_awake(queue);
	room.event->stamp_ns = 1;
	queue_commit(queue, room);
	cr_assert_eq(collect(queue), 1);
	queue_release(queue, 1);
	cr_assert(queue_sleep(queue));
	cr_assert_not(queue_sleeps_lightly(queue));
	queue_free(queue);
}

static struct queue_room depart(struct queue *queue, uint64_t time,
				uint16_t part, bool response)
{
	struct queue_room room = queue_depart(queue, NULL, 12);

	room.event->stamp_ns = time;
	room.event->part = part;
	room.event->payload[2] = response ? 0x80 : 0;
	queue_departed(queue, room);
	return room;
}

static void land(struct queue *queue, struct queue_room room, bool crossed)
{
	cr_assert(queue_land(queue, thread_state.call, queue_link(queue, room),
			     crossed));
	cr_assert_not(queue_land(queue, thread_state.call,
				 queue_link(queue, room), crossed));
}

Test(queue, counts_what_is_sent_when_it_has_landed)
{
	struct queue *queue = queue_new(MESSAGES);
	struct queue_room crossed = depart(queue, 1, 0, false);
	struct queue_room stayed = depart(queue, 1, 1, false);

	cr_assert_eq(collect(queue), 0);
	cr_assert_eq(queue_captured(queue), 0);
	cr_assert_eq(queue_in_ring(queue), 0);
	land(queue, crossed, true);
	land(queue, stayed, false);
	queue_landed(queue, thread_state.call, 1);
	cr_assert_eq(queue_captured(queue), 1);
	cr_assert_eq(collect(queue), 1);
	queue_release(queue, 1);
	pass_by(queue, 2);
	queue_free(queue);
}

Test(queue, tells_of_a_query_that_is_being_sent)
{
	struct queue *queue = queue_new(MESSAGES);
	struct queue_room query = depart(queue, 100, 0, false);
	struct queue_room response = depart(queue, 50, 0, true);

	collect(queue);
	cr_assert_not(queue_awaits(queue, 100));
	cr_assert(queue_awaits(queue, 101));
	land(queue, query, true);
	cr_assert(queue_awaits(queue, 101), "not collected yet");
	cr_assert_eq(collect(queue), 1);
	cr_assert_not(queue_awaits(queue, 101));
	land(queue, response, true);
	queue_free(queue);
}

/* The consumer has just passed by the first when it lands. */
Test(queue, keeps_the_messages_of_a_call_together)
{
	struct queue *queue = queue_new(MESSAGES);
	struct queue_room part[3];

	for (uint16_t i = 0; i < 3; i++)
		part[i] = depart(queue, 7, i, true);
	put(queue, 9, 12);
	land(queue, part[2], true);
	land(queue, part[1], true);
	cr_assert_eq(collect(queue), 1);
	land(queue, part[0], true);
	cr_assert_eq(collect(queue), 4);
	for (uint16_t i = 0; i < 3; i++)
		cr_assert_eq(queue_event(queue, i)->part, i);
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

static struct queue *unattended;
static int begun;

static void begin_later(void)
{
	if (++begun < 3)
		queue_await_consumer(unattended, begin_later);
}

Test(queue, asks_for_a_consumer)
{
	unattended = queue_new(MESSAGES);
	cr_assert(put(unattended, 1, 10));
	cr_assert_eq(begun, 0);
	queue_await_consumer(unattended, begin_later);
	for (int i = 0; i < 5; i++)
		cr_assert(put(unattended, 2 + i, 10));
	cr_assert_eq(begun, 3);
	cr_assert_eq(collect(unattended), 6);
	/* Now there is one, which nobody has to look for. */
	queue_attend(unattended, getpid(), gettid());
	queue_await_consumer(unattended, begin_later);
	signal(SIGURG, SIG_IGN);
	cr_assert(put(unattended, 7, 10));
	cr_assert_eq(begun, 3);
	queue_free(unattended);
}

static sigjmp_buf back;
static volatile sig_atomic_t wakes;

static void jump(int number)
{
	(void)number;
	wakes++;
	siglongjmp(back, 1);
}

/* Nobody can tell whether it has been woken. */
Test(queue, is_woken_again_when_a_thread_has_left_in_the_midst_of_it)
{
	struct queue *queue = queue_new(MESSAGES);

	queue_attend(queue, getpid(), gettid());
	signal(QUEUE_WAKE_SIGNAL, jump);
	cr_assert(queue_sleep(queue));
	for (volatile int i = 0; i < 3; i++)
		if (!sigsetjmp(back, 1))
			put(queue, 1, 10);
	cr_assert_eq(wakes, 3);
	signal(QUEUE_WAKE_SIGNAL, SIG_IGN);
	put(queue, 1, 10);
	signal(QUEUE_WAKE_SIGNAL, jump);
	put(queue, 1, 10);
	cr_assert_eq(wakes, 3);
	queue_free(queue);
}

static uint64_t processor_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void forbid(int number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	sandbox_read(&program, false);
	sandbox_enter();
}

/* Half a second, of which it sleeps nearly all. */
static bool waits(void)
{
	struct queue *queue = queue_new(MESSAGES);
	uint64_t began = clock_steady(), used = processor_ns();

	queue_await_finished(queue, began + NS_PER_S / 2);
	bool good = clock_steady() >= began + NS_PER_S / 2 &&
		    processor_ns() - used < NS_PER_S / 5;
	queue_free(queue);
	return good;
}

static void check_waits(void)
{
	cr_assert(waits());
}

Test(queue, waits_for_its_end_without_a_futex)
{
	check_waits();
	forbid(SYS_futex);
	check_waits();
	forbid(SYS_ppoll);
	check_waits();
	forbid(SYS_clock_nanosleep);
	check_waits();
}

/* In a child, as criterion itself needs them. */
Test(queue, waits_for_its_end_where_calls_are_unknown)
{
	static const int unknown[] = { SYS_futex, SYS_ppoll,
				       SYS_clock_nanosleep };
	int status;
	pid_t child = fork();

	if (!child) {
		bool good = true;

		for (size_t i = 0; good && i < ARRAY_SIZE(unknown); i++) {
			refuse(unknown[i], ENOSYS);
			good = waits();
		}
		_exit(!good);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}
