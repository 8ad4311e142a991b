/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a signal handler runs.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "shim/base/handler.h"

static volatile bool seen;

static void __attribute__((noinline)) deeply(int depth)
{
	volatile char room[4096];

	memset((void *)room, 0, sizeof(room));
	if (depth)
		deeply(depth - 1);
	else
		seen = handler_runs();
	room[0] = 1; /* no tail call */
}

static void handle(int number)
{
	(void)number;
	deeply(0);
}

static void handle_deeply(int number)
{
	(void)number;
	deeply(20);
}

static void check(void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	seen = false;
	raise(SIGUSR1);
	cr_assert(seen);
	/* What it has left behind lies where the next frames do. */
	deeply(0);
	cr_assert_not(seen);
	cr_assert_not(handler_runs());
}

static void *check_all(void *unused)
{
	check(handle, 0);
	check(handle_deeply, 0);
	check(handle, SA_NODEFER);
	check(handle_deeply, SA_NODEFER | SA_SIGINFO);
	return unused;
}

Test(handler, is_seen_from_within)
{
	check_all(NULL);
}

Test(handler, is_seen_on_any_thread)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, check_all, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

/* A server that lets signals in only while it waits. */
Test(handler, is_not_taken_for_one_that_is_blocked)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	signal(SIGUSR1, handle);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	cr_assert_not(handler_runs());
}

/* As of a library for coroutines. */
static ucontext_t host, coroutine;

static void run_coroutine(void)
{
	seen = handler_runs();
	swapcontext(&coroutine, &host);
}

/* Below what is at the end of the thread's own, and so near that it may be that one. */
static char *map_near(size_t size)
{
	const size_t step = 1 << 20;
	char *end = (char *)pthread_self(), *map = MAP_FAILED;

	for (size_t i = 1; map == MAP_FAILED && i < 60; i++)
		map = mmap((void *)((uintptr_t)(end - i * step) & -step), size,
			   PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			   -1, 0);
	if (map == MAP_FAILED) /* an emulator's memory is all around it */
		cr_skip("no room below the thread's stack");
	return map;
}

Test(handler, reads_no_further_than_a_stack_that_the_host_has_made)
{
	const size_t size = 16 * 1024;
	char *stack = map_near(2 * size);

	cr_assert_eq(mprotect(stack + size, size, PROT_NONE), 0);
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = size;
	makecontext(&coroutine, run_coroutine, 0);
	seen = true;
	swapcontext(&host, &coroutine);
	cr_assert_not(seen);
}
