/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that entry.S does not pass straight on.
 *
 * They are made by the real syscall(), not by the named function: that one is a
 * cancellation point, and another preloaded library may stand behind it.
 */
#include "shim/hook/syscall.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "proto/common.h"
#include "shim/hook/exec.h"
#include "shim/hook/fd.h"
#include "shim/hook/io.h"
#include "shim/hook/runtime.h"
#include "shim/hook/real.h"
#include "shim/hook/signal.h"

_Static_assert(offsetof(struct real_table, syscall) == REAL_SYSCALL, "entry.S");
_Static_assert(offsetof(struct real_table, vfork) == REAL_VFORK, "entry.S");
_Static_assert(offsetof(struct real_table, clone) == REAL_CLONE, "entry.S");

/* One call as the stub was given it. */
struct call {
	long argument[6];
	long result;   /* where it need not be made any more */
	bool paused;   /* exec_pause() */
	bool confined; /* see runtime_confine */
};

#define FD(call)   ((int)(call)->argument[0])
#define POINTER(n) ((void *)call->argument[n])

static bool before_prctl(struct call *call)
{
	const long *argument = call->argument;
	bool filters = argument[1] == SECCOMP_MODE_FILTER;

	call->confined = argument[0] == PR_SET_SECCOMP &&
			 runtime_confine(filters ? POINTER(2) : NULL, false);
	return true;
}

static bool before_seccomp(struct call *call)
{
	const long *argument = call->argument;
	bool filters = argument[0] == SECCOMP_SET_MODE_FILTER;

	if (filters || argument[0] == SECCOMP_SET_MODE_STRICT)
		call->confined = runtime_confine(
			filters ? POINTER(2) : NULL,
			argument[1] & SECCOMP_FILTER_FLAG_TSYNC);
	return true;
}

/* seccomp(2) returns a thread that it failed for, or a new fd. */
static void after_seccomp(struct call *call, long result)
{
	bool fd = call->argument[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;

	if (call->confined && (result < 0 || (result && !fd)))
		runtime_confine_failed();
}

static void after_prctl(struct call *call, long result)
{
	if (call->confined && result)
		runtime_confine_failed();
}

static bool before_exit(struct call *call)
{
	(void)call;
	runtime_end();
	return true;
}

static bool before_execve(struct call *call)
{
	call->paused = exec_pause(AT_FDCWD, POINTER(0), 0);
	return true;
}

static bool before_execveat(struct call *call)
{
	call->paused = exec_pause(FD(call), POINTER(1), call->argument[4]);
	return true;
}

/* It has failed. */
static void after_execve(struct call *call, long result)
{
	(void)result;
	if (call->paused)
		runtime_resume();
}

static void after_execveat(struct call *call, long result)
{
	after_execve(call, result);
}

/* A function of io.h or fd.h, which takes the arguments in their own types: in registers
 * that are the same ones. */
typedef long carrier(const struct real_table *by, long a, long b, long c,
		     long d, long e, long f);

/* The offset comes in two halves, of which the first is all of it. */
static long carry_preadv2(const struct real_table *by, long fd, long iov,
			  long count, long offset, long none, long flags)
{
	(void)none;
	return io_preadv2(by, fd, (const struct iovec *)iov, count, offset,
			  flags);
}

static long carry_pwritev2(const struct real_table *by, long fd, long iov,
			   long count, long offset, long none, long flags)
{
	(void)none;
	return io_pwritev2(by, fd, (const struct iovec *)iov, count, offset,
			   flags);
}

#define CARRIED(function)  .carry = (carrier *)(void *)function
#define MESSAGES(function) CARRIED(function)
#define OCTETS(function)   CARRIED(function)
#define BEFORE(what)       .before = before_##what
#define AFTER(what)        .after = after_##what
#define AROUND(what)       BEFORE(what), AFTER(what)
#define UNSEEN             .carry = NULL
#define ANY_CALL           UNSEEN

static const struct observer {
	int number;
	carrier *carry; /* makes the call, instead of the following */
	bool (*before)(struct call *call); /* false: it is done */
	void (*after)(struct call *call, long result);
} observers[] = {
#define CALL(name, of, arguments, way) { .number = of, way },
#include "shim/hook/calls.h"
	/* These have no name in libc, or lead by another number. */
	{ .number = SYS_seccomp, AROUND(seccomp) },
#ifdef SYS_dup2
	{ .number = SYS_dup2, CARRIED(fd_dup2) },
#endif
	{ .number = SYS_rt_sigaction, .carry = signal_by_number },
};

/* fork(2) by any other name is no vfork child, but is not worth telling apart. */
static const int vforks[] = {
	SYS_clone,
	SYS_clone3,
#ifdef SYS_vfork
	SYS_vfork,
#endif
};

/* The index into observers by number, plus one; 0: not observed. */
#define OBSERVERS ARRAY_SIZE(observers)
_Static_assert(OBSERVERS < SYSCALL_VFORKS, "an octet each");
uint8_t syscall_observed[SYSCALL_OBSERVED_SIZE];

void syscall_observe(void)
{
	for (size_t i = 0; i < OBSERVERS; i++)
		if (observers[i].carry || observers[i].before ||
		    observers[i].after)
			syscall_observed[observers[i].number] = i + 1;
	for (size_t i = 0; i < ARRAY_SIZE(vforks); i++)
		syscall_observed[vforks[i]] = SYSCALL_VFORKS;
}

long observed_syscall(long number, long a, long b, long c, long d, long e,
		      long f)
{
	const struct observer *observer =
		&observers[syscall_observed[number] - 1];
	struct call call = { .argument = { a, b, c, d, e, f } };

	if (observer->carry)
		return observer->carry(&real_by_number, a, b, c, d, e, f);
	if (observer->before && !observer->before(&call))
		return call.result;
	long result = real.syscall(number, a, b, c, d, e, f);
	if (observer->after)
		observer->after(&call, result);
	return result;
}
