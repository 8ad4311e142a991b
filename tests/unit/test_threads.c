/* SPDX-License-Identifier: Apache-2.0
 *
 * What other threads are at, as the kernel has it.
 */
#include <criterion/criterion.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/sandbox.h"
#include "shim/base/thread.h"
#include "shim/base/threads.h"

#define MANY 60 /* more than one list holds */

static int nothing[2];
static _Atomic bool named;
static _Atomic int found;

static void *sleep_on(void *name)
{
	char octet;

	prctl(PR_SET_NAME, name);
	atomic_store(&named, true);
	return read(nothing[0], &octet, 1) == 1 ? name : NULL;
}

static void *compute(void *unused)
{
	for (;;)
		*(volatile char *)unused ^= 1;
	return unused;
}

static void start(void *(*work)(void *), void *argument)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, work, argument), 0);
}

static void start_sleeper(const char *name)
{
	atomic_store(&named, false);
	start(sleep_on, (void *)name);
	while (!atomic_load(&named))
		sched_yield();
}

/* In a process that has no other threads than the test's. */
static void in_child(void (*play)(void))
{
	int status;

	cr_assert_eq(pipe(nothing), 0);
	pid_t child = fork();
	if (!child) {
		play();
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status));
}

#define MUST(step)                       \
	do {                             \
		if (!(step))             \
			_exit(__LINE__); \
	} while (0)

static void await_asleep(void)
{
	while (threads_look(NULL) == THREADS_AWAKE)
		sched_yield();
	MUST(threads_look(NULL) == THREADS_ASLEEP);
}

static void alone(void)
{
	MUST(threads_look(NULL) == THREADS_NONE);
	start_sleeper(THREAD_NAME);
	MUST(threads_look(NULL) == THREADS_NONE);
}

static void find(pid_t thread, int number)
{
	if (number == SYS_read && thread > getpid())
		atomic_fetch_add(&found, 1);
}

static void waiting(void)
{
	for (int i = 0; i < MANY; i++)
		start_sleeper("sleeper");
	start_sleeper(THREAD_NAME);
	await_asleep();
	MUST(threads_look(find) == THREADS_ASLEEP);
	MUST(atomic_load(&found) == MANY);
}

/* Nothing but their states is read from names. */
static void many(void)
{
	for (int i = 0; i < MANY; i++)
		start_sleeper(i & 1 ? ") R 1 (" : "dnstapshim) D");
	await_asleep();
}

static void awake(void)
{
	static char octet;

	for (int i = 0; i < MANY; i++)
		start_sleeper("sleeper");
	await_asleep();
	start(compute, &octet);
	MUST(threads_look(NULL) == THREADS_AWAKE);
}

/* Its thread has nothing to do any more. */
static void *outlive(void *unused)
{
	while (threads_look(NULL) != THREADS_ASLEEP)
		sched_yield();
	_exit(0);
	return unused;
}

static void leaderless(void)
{
	start(outlive, NULL);
	pthread_exit(NULL);
}

static void without_fds(void)
{
	const struct rlimit none = { 0, 0 };

	MUST(!setrlimit(RLIMIT_NOFILE, &none));
	MUST(threads_look(NULL) == THREADS_UNKNOWN);
}

/* Known of and not in force: a call would be answered. */
static void confined(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getdents64, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	sandbox_read(&program, false);
	sandbox_enter();
	MUST(threads_look(NULL) == THREADS_UNKNOWN);
}

Test(threads, are_counted_without_ours)
{
	in_child(alone);
}

Test(threads, are_asleep_whatever_their_names)
{
	in_child(many);
}

Test(threads, say_what_they_wait_in)
{
	in_child(waiting);
}

Test(threads, are_awake_if_one_is)
{
	in_child(awake);
}

Test(threads, one_that_has_ended_is_none_to_wait_for)
{
	in_child(leaderless);
}

Test(threads, are_unknown_where_nobody_says)
{
	in_child(without_fds);
}

Test(threads, are_not_looked_at_against_a_filter)
{
	in_child(confined);
}
