/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's thread that sleeps is woken by a message, and by nothing of the host's.
 * A test that is never woken does not end.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/queue/ring.h"
#include "shim/tap/idle.h"

#define FAR (3600 * NS_PER_S)

static bool ready = true;
static uint64_t unsent;

static size_t poll_nothing(const struct endpoint *endpoint, struct pollfd *fds,
			   uint64_t *deadline_ns)
{
	(void)endpoint, (void)fds;
	*deadline_ns = UINT64_MAX;
	return 0;
}

static void fill(const struct endpoint *endpoint,
		 struct endpoint_status *status)
{
	(void)endpoint;
	*status = (struct endpoint_status){ .ready = ready, .unsent = unsent };
}

static const struct endpoint_ops ops = { .poll = poll_nothing, .status = fill };
static struct endpoint endpoint = { &ops, NULL };
static struct control control; /* nobody serves */
static struct queue *queue;
static _Atomic int idles;
static _Atomic bool stop;

/* As a tap's thread does it, until a message has come. */
static void *tap(void *nothing)
{
	struct cycle cycle = { .began = FAR }; /* nothing has come for long */
	struct idle idle;
	sigset_t set;

	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	idle_open(&idle, queue, &endpoint, &control);
	cr_assert_geq(idle.wake_fd, 0);
	while (!queue_collect(queue, UINT64_MAX) && !stop) {
		idle.sleep_ns = FAR; /* nothing else is to end it */
		idle_until(&idle, &cycle, clock_steady() + FAR);
		idles++;
	}
	idle_close(&idle);
	return nothing;
}

static void pass(void)
{
	struct queue_room room = queue_reserve(queue, 12);

	queue_commit(queue, room);
}

static pthread_t start(void)
{
	pthread_t thread;

	queue = queue_new(100);
	pthread_create(&thread, NULL, tap, NULL);
	while (!queue->shared->asleep)
		sched_yield();
	return thread;
}

Test(idle, ends_when_a_message_comes, .timeout = 60)
{
	pthread_t thread = start();

	pass();
	pthread_join(thread, NULL);
}

Test(idle, ends_when_the_end_is_asked_for, .timeout = 60)
{
	pthread_t thread = start();

	stop = true;
	queue_finish(queue, clock_steady() + FAR);
	pthread_join(thread, NULL);
}

static _Atomic int handled;

static void handle(int number)
{
	(void)number;
	handled++;
}

/* The signal that wakes us is the host's too, which may block it in its threads. */
Test(idle, gives_the_hosts_own_signals_back, .timeout = 60)
{
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, QUEUE_WAKE_SIGNAL);
	signal(QUEUE_WAKE_SIGNAL, handle);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_t thread = start();
	kill(getpid(), QUEUE_WAKE_SIGNAL);
	while (!idles)
		sched_yield();
	sigpending(&pending);
	cr_assert(sigismember(&pending, QUEUE_WAKE_SIGNAL));
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	cr_assert_eq(handled, 1);
	pass();
	pthread_join(thread, NULL);
}

/* Messages that wait for a connection need no look at the queue, and no wake. */
Test(idle, waits_for_an_endpoint_that_is_away, .timeout = 60)
{
	struct cycle cycle = { .began = FAR };
	struct idle idle;

	queue = queue_new(100);
	ready = false;
	sigset_t set;
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	idle_open(&idle, queue, &endpoint, &control);
	pass();
	cr_assert_eq(queue_collect(queue, UINT64_MAX), 1);
	uint64_t before = clock_steady();
	idle_until(&idle, &cycle, before + 50 * NS_PER_MS);
	cr_assert_geq(clock_steady(), before + 50 * NS_PER_MS);
	idle_close(&idle);
}

/* As many fds as are polled may not be polled any more. */
Test(idle, rests_where_the_host_allows_itself_no_fds, .timeout = 60)
{
	struct cycle cycle = { .began = FAR };
	struct rlimit limit, none;
	struct idle idle;
	sigset_t set;

	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	queue = queue_new(100);
	idle_open(&idle, queue, &endpoint, &control);
	cr_assert_geq(idle.wake_fd, 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	uint64_t began = clock_steady();
	int looks = 0;
	for (; clock_steady() - began < NS_PER_S / 2; looks++)
		idle_until(&idle, &cycle, clock_steady() + FAR);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_leq(looks, 51);
	idle_close(&idle);
}
