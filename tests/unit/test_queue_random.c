/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that put messages into a queue and are interrupted in it, jump out of
 * it, fork in it, end in it and freeze in it, and a consumer that is held up:
 * every message exactly once or counted, and each thread's in their order.
 *
 * QUEUE_SEED=N adds a round with a seed of your own. A seed decides what each
 * thread does, not when.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/capture/enqueue.h"
#include "shim/queue.h"

#define THREADS_MAX 300
#define PER_THREAD  200
#define MESSAGES    2000
#define REGION      (17 * 4096)
#define PAGE        4096
#define FORKS_MAX   10
#define FREEZES_MAX 30
#define PARTS_MAX   40

enum plan { NOTHING, JUMP, END, FREEZE, FORK, NEST };

/* Who has sent it, and its number among theirs; then octets of the thread's. */
struct head {
	uint32_t stream, number, octet;
};

#define STREAMS (2 * THREADS_MAX) /* a thread's own and its handler's */

struct producer {
	pthread_t thread;
	uint32_t index, number, nested;
	unsigned seed;
	enum plan plan;
	sigjmp_buf back;
	uint8_t *region; /* REGION octets, then a page not to be read */
};

static struct producer producers[THREADS_MAX];
static _Thread_local struct producer *self;
static struct queue *_Atomic queue;
static _Atomic uint64_t lost, crossed, jumped, flown, frozen;
static _Atomic uint64_t taken_out; /* or dropped */
static _Atomic int forks, freezes, running;
static _Atomic bool held_up;
static pid_t process;
static sem_t thaw;

static void start(void)
{
}

static unsigned roll(unsigned n)
{
	return rand_r(&self->seed) % n;
}

static void bar(int protection)
{
	mprotect(self->region + REGION, PAGE, protection);
}

/* `barred`: so many of its octets cannot be read. */
static void put(uint32_t stream, uint32_t number, size_t size, size_t barred)
{
	struct head head = { stream, number, self->index };
	struct event seen = { .stamp_ns = clock_steady(),
			      .size = sizeof(head) + size };
	struct iovec iov[] = {
		{ &head, sizeof(head) },
		{ self->region + REGION - size + barred, size },
	};

	crossed++;
	enqueue(&seen, &(struct octets){ .iov = iov, .left = seen.size });
}

static size_t some_size(void)
{
	return roll(50) ? roll(600) : roll(REGION - 4096);
}

static void put_nested(void)
{
	put(THREADS_MAX + self->index, ++self->nested, roll(600), 0);
}

/* Where the copy comes to the barred page. */
static void interrupted(int number)
{
	int status;
	pid_t child;

	if (getpid() != process)
		_exit(99);
	switch (self->plan) {
	case JUMP:
		jumped++;
		siglongjmp(self->back, number);
	case END:
		jumped++;
		running--;
		syscall(SYS_exit, 0);
		break;
	case FREEZE:
		frozen++;
		running--;
		while (sem_wait(&thaw))
			;
		running++;
		frozen--;
		break;
	case FORK:
		child = _Fork();
		if (child > 0 &&
		    (waitpid(child, &status, 0) != child || status))
			abort();
		break;
	default:
		put_nested();
	}
	bar(PROT_READ);
}

static void put_interrupted(enum plan plan)
{
	size_t size = 1 + some_size();

	self->plan = plan;
	if (!sigsetjmp(self->back, 1))
		put(self->index, ++self->number, size, 1 + roll(size) % PAGE);
	if (getpid() != process)
		_exit(0);
	bar(PROT_NONE);
}

static void send_some(bool jump)
{
	size_t count = 1 + roll(PARTS_MAX), taken = roll(count + 1);
	uint64_t stamp = clock_steady();
	struct enqueue_flight flight;

	enqueue_flight_begin(&flight);
	for (size_t i = 0; i < count; i++) {
		struct head head = { self->index, ++self->number, self->index };
		struct event seen = { .stamp_ns = stamp,
				      .flags = EVENT_SENT,
				      .size = sizeof(head) + roll(600) };
		struct iovec iov[] = { { &head, sizeof(head) },
				       { self->region, REGION } };

		enqueue_depart(
			&flight, &seen,
			&(struct octets){ .iov = iov, .left = seen.size });
	}
	if (!jump) {
		crossed += taken;
		enqueue_land(&flight, taken, NULL);
		return;
	}
	flown += count;
	siglongjmp(self->back, 1);
}

static void do_something(void)
{
	switch (roll(40)) {
	case 0:
		put_interrupted(JUMP);
		break;
	case 1:
		put_interrupted(NEST);
		break;
	case 2:
		if (forks-- > 0)
			put_interrupted(FORK);
		break;
	case 3:
		if (freezes-- > 0)
			put_interrupted(FREEZE);
		break;
	case 4:
		if (!roll(30))
			put_interrupted(END);
		break;
	case 5:
		if (!sigsetjmp(self->back, 1))
			send_some(true);
		break;
	case 6:
	case 7:
	case 8:
		send_some(false);
		break;
	default:
		put(self->index, ++self->number, some_size(), 0);
	}
}

/* Mostly the consumer keeps up. */
static void keep_pace(void)
{
	while (!held_up && crossed > taken_out + MESSAGES / 4)
		sched_yield();
}

static void *produce(void *producer)
{
	self = producer;
	for (int i = 0; i < PER_THREAD; i++) {
		keep_pace();
		do_something();
	}
	running--;
	return NULL;
}

static void begin(struct producer *producer, unsigned seed, uint32_t index)
{
	pthread_attr_t attributes;

	*producer = (struct producer){ .index = index, .seed = seed + index };
	producer->region = mmap(NULL, REGION + PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(producer->region, MAP_FAILED);
	memset(producer->region, index, REGION + PAGE);
	mprotect(producer->region + REGION, PAGE, PROT_NONE);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 1 << 17);
	cr_assert_eq(pthread_create(&producer->thread, &attributes, produce,
				    producer),
		     0);
}

/* The consumer */

static uint32_t last[STREAMS];
static uint64_t received;

static void check(const struct event *event)
{
	struct head head;

	memcpy(&head, event->payload, sizeof(head));
	cr_assert_lt(head.stream, STREAMS);
	cr_assert_gt(head.number, last[head.stream], "%u behind %u of %u",
		     head.number, last[head.stream], head.stream);
	last[head.stream] = head.number;
	for (size_t i = sizeof(head); i < event->size; i++)
		if (event->payload[i] != (uint8_t)head.octet)
			cr_assert_fail("octet %zu of %u", i, event->size);
	received++;
}

static uint64_t dropped(enum drop_cause cause)
{
	return queue_dropped(queue, cause);
}

static void consume(uint64_t now, unsigned *seed)
{
	size_t count = queue_collect(queue, now);

	if (rand_r(seed) % 3 == 0)
		count = rand_r(seed) % (count + 1);
	for (size_t i = 0; i < count; i++)
		check(queue_event(queue, i));
	queue_release(queue, count);
	taken_out = received + dropped(DROP_QUEUE_FULL) + jumped + frozen;
}

/* Until so many messages have passed, or no more come. */
static void be_held_up(unsigned messages)
{
	uint64_t until = crossed + messages;

	held_up = true;
	while (crossed < until && running)
		sched_yield();
	held_up = false;
}

/* As time passes it becomes known who has ended. */
static void consume_all(void)
{
	unsigned keep = 1;

	for (int i = 0; i < 5; i++)
		queue_collect(queue, clock_steady() + i * NS_PER_S);
	while (queue_collect(queue, UINT64_MAX))
		consume(UINT64_MAX, &keep);
}

static void expect_sum(void)
{
	uint64_t full = dropped(DROP_QUEUE_FULL),
		 left = dropped(DROP_ABANDONED),
		 captured = queue_captured(queue);

	cr_assert_eq(captured, received + full + left + queue_in_ring(queue),
		     "%zu = %zu + %zu + %zu + %zu", (size_t)captured,
		     (size_t)received, (size_t)full, (size_t)left,
		     (size_t)queue_in_ring(queue));
	/* Of a send that was jumped out of what had room counts as well. */
	cr_assert_eq(captured, crossed + left - jumped);
	cr_assert(left >= jumped && left <= jumped + flown);
}

static void play(unsigned seed, uint32_t threads)
{
	unsigned own = seed;

	running = threads;
	for (uint32_t i = 0; i < threads; i++)
		begin(&producers[i], seed, i);
	while (running) {
		uint64_t now = clock_steady();

		if (rand_r(&own) % 20 == 0)
			be_held_up(rand_r(&own) % (3 * MESSAGES));
		consume(now, &own);
		sched_yield();
	}
	/* Whatever is frozen in its copy withholds nothing else. */
	consume_all();
	cr_assert_eq(queue_in_ring(queue), frozen);
	expect_sum();
	while (running || frozen) {
		if (frozen)
			sem_post(&thaw);
		consume(clock_steady(), &own);
	}
	for (uint32_t i = 0; i < threads; i++)
		pthread_join(producers[i].thread, NULL);
	consume_all();
	cr_assert_eq(queue_in_ring(queue), 0);
	expect_sum();
}

static void play_round(unsigned seed, uint32_t threads)
{
	process = getpid();
	forks = FORKS_MAX;
	freezes = FREEZES_MAX;
	queue = queue_new(MESSAGES);
	sem_init(&thaw, 0, 0);
	enqueue_begin(&(struct enqueue_setup){ 1, &queue, &lost, start, NULL });
	sigaction(SIGSEGV,
		  &(struct sigaction){ .sa_handler = interrupted,
				       .sa_flags = SA_NODEFER },
		  NULL);
	play(seed, threads);
	/* All of it is there again. */
	self = &producers[0];
	uint64_t before = dropped(DROP_QUEUE_FULL);
	for (int i = 0; i < MESSAGES; i++)
		put(0, ++self->number, 600, 0);
	cr_assert_eq(dropped(DROP_QUEUE_FULL), before);
}

Test(queue_random, one_thread)
{
	play_round(1, 1);
}

Test(queue_random, few_threads)
{
	play_round(2, 7);
}

Test(queue_random, more_threads_than_lanes)
{
	play_round(3, 100);
}

Test(queue_random, many_threads)
{
	play_round(4, THREADS_MAX);
}

Test(queue_random, a_seed_of_your_own)
{
	const char *text = getenv("QUEUE_SEED");
	unsigned seed = text ? strtoul(text, NULL, 10) : 0;

	if (text)
		play_round(seed, 1 + seed % THREADS_MAX);
}
