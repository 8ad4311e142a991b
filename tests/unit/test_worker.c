/* SPDX-License-Identifier: Apache-2.0
 *
 * What threads of ours leave behind, when they end and when they are refused.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/tap/transport/resolver.h"
#include "shim/tap/worker.h"

#define STACK   (256 * 1024)
#define THREADS 200
#define LEEWAY  (2 * STACK / 4096) /* libc keeps a stack or two */

/* In pages. */
static long address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;

	cr_assert_eq(fscanf(file, "%ld", &pages), 1);
	fclose(file);
	return pages;
}

static size_t threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	size_t count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2; /* "." and ".." */
}

static size_t others; /* the test's own threads */

static void begin(void)
{
	others = threads();
	worker_begin();
}

TestSuite(worker, .init = begin);

static void await_end(void)
{
	while (threads() > others)
		sched_yield();
}

static void nothing(void *unused)
{
	(void)unused;
}

static struct worker_task task = { .run = nothing };

static void start_one(void)
{
	cr_assert_eq(worker_start(&task, STACK), 0);
	await_end();
}

static void resolve_one(void)
{
	struct resolver *resolver = resolver_start("localhost", "53");

	cr_assert_not_null(resolver);
	resolver_end(resolver);
	await_end();
}

static void start_refused(void)
{
	cr_assert_eq(worker_start(&task, STACK), -EAGAIN);
	cr_assert_null(resolver_start("localhost", "53"));
}

static void check_keeps_its_size(void (*one)(void))
{
	one();
	long before = address_space();
	for (int i = 0; i < THREADS; i++)
		one();
	cr_assert_leq(address_space(), before + LEEWAY);
}

Test(worker, ended_threads_give_back_their_stacks)
{
	check_keeps_its_size(start_one);
	check_keeps_its_size(resolve_one);
}

Test(worker, refused_threads_give_back_their_stacks)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
		BPF_STMT(BPF_RET, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 5, filter };

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	check_keeps_its_size(start_refused);
}
