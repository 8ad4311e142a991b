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
#include <sys/syscall.h>

#include "shim/base/own_fds.h"
#include "shim/capture/capture.h"
#include "shim/hook/exec.h"
#include "shim/hook/io.h"
#include "shim/hook/life.h"
#include "shim/hook/real.h"

_Static_assert(offsetof(struct real_table, syscall) == REAL_SYSCALL, "entry.S");
_Static_assert(offsetof(struct real_table, vfork) == REAL_VFORK, "entry.S");
_Static_assert(offsetof(struct real_table, clone) == REAL_CLONE, "entry.S");

/* One call as the stub was given it. */
struct call {
	long argument[6];
	uint64_t before; /* of what it replaces */
	long result;     /* where it need not be made any more */
	bool paused;     /* exec_pause() */
	bool confined;   /* see life_confine */
};

#define FD(call)   ((int)(call)->argument[0])
#define POINTER(n) ((void *)call->argument[n])

static void after_new_fd(struct call *call, long result)
{
	(void)call;
	if (result >= 0)
		capture_forget(result);
}

static void after_socket(struct call *call, long result)
{
	if (result >= 0)
		capture_socket(result, call->argument[0], call->argument[1],
			       call->argument[2]);
}

static void after_accept(struct call *call, long result)
{
	if (result >= 0)
		capture_accepted(FD(call), result);
}

static void after_bind(struct call *call, long result)
{
	if (!result)
		capture_bound(FD(call), POINTER(1), call->argument[2]);
}

static void after_connect(struct call *call, long result)
{
	if (!result || errno == EINPROGRESS || errno == EINTR)
		capture_connect(FD(call), POINTER(1), call->argument[2]);
}

static void after_fcntl(struct call *call, long result)
{
	if (call->argument[1] == F_DUPFD ||
	    call->argument[1] == F_DUPFD_CLOEXEC)
		after_new_fd(call, result);
}

static bool before_close(struct call *call)
{
	if (own_fds_has(FD(call))) {
		errno = EBADF;
		call->result = -1;
		return false;
	}
	capture_forget(FD(call));
	return true;
}

static bool before_close_range(struct call *call)
{
	const long *argument = call->argument;

	if (own_fds_shares()) {
		call->result =
			close_range(argument[0], argument[1], argument[2]);
		return false;
	}
	capture_close_range(argument[0], argument[1], argument[2]);
	return true;
}

static bool before_dup(struct call *call)
{
	call->before = capture_replaces(call->argument[1]);
	return true;
}

static void after_dup(struct call *call, long result)
{
	if (result < 0 || call->argument[0] == result)
		return;
	capture_replaced(result, call->before);
	if (own_fds_has(result))
		own_fds_lose(result);
}

static bool before_prctl(struct call *call)
{
	const long *argument = call->argument;
	bool filters = argument[1] == SECCOMP_MODE_FILTER;

	call->confined = argument[0] == PR_SET_SECCOMP &&
			 life_confine(filters ? POINTER(2) : NULL, false);
	return true;
}

static bool before_seccomp(struct call *call)
{
	const long *argument = call->argument;
	bool filters = argument[0] == SECCOMP_SET_MODE_FILTER;

	if (filters || argument[0] == SECCOMP_SET_MODE_STRICT)
		call->confined =
			life_confine(filters ? POINTER(2) : NULL,
				     argument[1] & SECCOMP_FILTER_FLAG_TSYNC);
	return true;
}

/* seccomp(2) returns a thread that it failed for, or a new fd. */
static void after_confine(struct call *call, long result)
{
	bool fd = call->argument[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;

	if (call->confined && (result < 0 || (result && !fd)))
		life_confine_failed();
}

static bool before_exit(struct call *call)
{
	(void)call;
	life_end();
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
static void after_exec(struct call *call, long result)
{
	(void)result;
	if (call->paused)
		life_resume();
}

/* A function of io.h, which takes the arguments in their own types: in registers
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

static const struct observer {
	int number;
	carrier *carry; /* makes the call, instead of the following */
	bool (*before)(struct call *call); /* false: it is done */
	void (*after)(struct call *call, long result);
} observers[] = {
	{ SYS_recvfrom, (carrier *)(void *)io_recvfrom, NULL, NULL },
	{ SYS_recvmsg, (carrier *)(void *)io_recvmsg, NULL, NULL },
	{ SYS_recvmmsg, (carrier *)(void *)io_recvmmsg, NULL, NULL },
	{ SYS_read, (carrier *)(void *)io_read, NULL, NULL },
	{ SYS_readv, (carrier *)(void *)io_readv, NULL, NULL },
	{ SYS_sendto, (carrier *)(void *)io_sendto, NULL, NULL },
	{ SYS_sendmsg, (carrier *)(void *)io_sendmsg, NULL, NULL },
	{ SYS_sendmmsg, (carrier *)(void *)io_sendmmsg, NULL, NULL },
	{ SYS_write, (carrier *)(void *)io_write, NULL, NULL },
	{ SYS_writev, (carrier *)(void *)io_writev, NULL, NULL },
	{ SYS_preadv2, carry_preadv2, NULL, NULL },
	{ SYS_pwritev2, carry_pwritev2, NULL, NULL },
	{ SYS_setsockopt, (carrier *)(void *)io_setsockopt, NULL, NULL },
	{ SYS_sendfile, (carrier *)(void *)io_sendfile, NULL, NULL },
	{ SYS_splice, (carrier *)(void *)io_splice, NULL, NULL },
	{ SYS_socket, NULL, NULL, after_socket },
	{ SYS_accept, NULL, NULL, after_accept },
	{ SYS_accept4, NULL, NULL, after_accept },
	{ SYS_dup, NULL, NULL, after_new_fd },
	{ SYS_fcntl, NULL, NULL, after_fcntl },
	{ SYS_bind, NULL, NULL, after_bind },
	{ SYS_connect, NULL, NULL, after_connect },
	{ SYS_close, NULL, before_close, NULL },
	{ SYS_close_range, NULL, before_close_range, NULL },
	{ SYS_dup3, NULL, before_dup, after_dup },
#ifdef SYS_dup2
	{ SYS_dup2, NULL, before_dup, after_dup },
#endif
	{ SYS_execve, NULL, before_execve, after_exec },
	{ SYS_execveat, NULL, before_execveat, after_exec },
	{ SYS_prctl, NULL, before_prctl, after_confine },
	{ SYS_seccomp, NULL, before_seccomp, after_confine },
	{ SYS_exit_group, NULL, before_exit, NULL },
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
#define OBSERVERS (sizeof(observers) / sizeof(*observers))
uint8_t syscall_observed[SYSCALL_OBSERVED_SIZE];

void syscall_observe(void)
{
	for (size_t i = 0; i < OBSERVERS; i++)
		syscall_observed[observers[i].number] = i + 1;
	for (size_t i = 0; i < sizeof(vforks) / sizeof(*vforks); i++)
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
