/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of real functions, and the system calls it begins with.
 */
#include "shim/hook/real.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "proto/common.h"

/* Not libc's syscall(): that name is one of ours. */
static long raw_syscall(long number, long a, long b, long c, long d, long e,
			long f)
{
	long result;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	result = x0;
#else
#error "no raw system call for this architecture: x86-64 and aarch64 have one"
#endif
	if ((unsigned long)result < -4095UL)
		return result;
	errno = -result;
	return -1;
}

/* The arguments that a call does not have are zero: recv is recvfrom without an
 * address. */
#define CALL(name, number, arguments, way)                                    \
	static long stub_##name(long a, long b, long c, long d, long e,       \
				long f)                                       \
	{                                                                     \
		return raw_syscall(                                           \
			number, arguments > 0 ? a : 0, arguments > 1 ? b : 0, \
			arguments > 2 ? c : 0, arguments > 3 ? d : 0,         \
			arguments > 4 ? e : 0, arguments > 5 ? f : 0);        \
	}
#include "shim/hook/calls.h"

static void early_closefrom(int first)
{
	raw_syscall(SYS_close_range, first, ~0U, 0, 0, 0, 0);
}

static int early_dup2(int from, int to)
{
	if (from == to)
		return raw_syscall(SYS_fcntl, from, F_GETFD, 0, 0, 0, 0) < 0
			       ? -1
			       : to;
	return raw_syscall(SYS_dup3, from, to, 0, 0, 0, 0);
}

/* No system call can stand in for it: the child begins elsewhere. It does not
 * return through this frame. */
static int early_clone(long start, long stack, long flags, long argument,
		       long a, long b, long c)
{
	int (*found)(long, long, long, long, long, long, long) =
		real_find("clone", clone);

	return found(start, stack, flags, argument, a, b, c);
}

/* The kernel takes the offset in two halves, of which the first is all of it. */
static long early_preadv2(long fd, long iov, long count, long offset,
			  long flags)
{
	return raw_syscall(SYS_preadv2, fd, iov, count, offset, 0, flags);
}

static long early_pwritev2(long fd, long iov, long count, long offset,
			   long flags)
{
	return raw_syscall(SYS_pwritev2, fd, iov, count, offset, 0, flags);
}

/* A child of its own memory: the stub's frame is not to be shared. */
static pid_t early_vfork(void)
{
	return raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

static long early_syscall(long number, long a, long b, long c, long d, long e,
			  long f)
{
	return raw_syscall(number, a, b, c, d, e, f);
}

/* A later initializer wins: these are no plain system calls. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
struct real_table real = {
#define CALL(name, number, arguments, way) .name = (void *)stub_##name,
#include "shim/hook/calls.h"
	.clone = (void *)early_clone,
	.vfork = early_vfork,
	.closefrom = early_closefrom,
	.dup2 = early_dup2,
	.preadv2 = (void *)early_preadv2,
	.pwritev2 = (void *)early_pwritev2,
	.syscall = (void *)early_syscall,
};
#pragma GCC diagnostic pop

#define CALL(name, number, arguments, way)                                  \
	static long numbered_##name(long a, long b, long c, long d, long e, \
				    long f)                                 \
	{                                                                   \
		return real.syscall(number, a, b, c, d, e, f);              \
	}
#include "shim/hook/calls.h"

static long numbered_in_halves_preadv2(long fd, long iov, long count,
				       long offset, long flags)
{
	return real.syscall(SYS_preadv2, fd, iov, count, offset, 0, flags);
}

static long numbered_in_halves_pwritev2(long fd, long iov, long count,
					long offset, long flags)
{
	return real.syscall(SYS_pwritev2, fd, iov, count, offset, 0, flags);
}

/* The number that stands in for it is another one's, with flags. */
static long numbered_itself_dup2(long from, long to)
{
#ifdef SYS_dup2
	return real.syscall(SYS_dup2, from, to, 0, 0, 0, 0);
#else
	return early_dup2(from, to);
#endif
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const struct real_table real_by_number = {
#define CALL(name, number, arguments, way) .name = (void *)numbered_##name,
#include "shim/hook/calls.h"
	.preadv2 = (void *)numbered_in_halves_preadv2,
	.pwritev2 = (void *)numbered_in_halves_pwritev2,
	.dup2 = (void *)numbered_itself_dup2,
};
#pragma GCC diagnostic pop

void *real_find(const char *name, void *hook)
{
	void *found = dlsym(RTLD_NEXT, name);

	return found == hook ? NULL : found;
}

void real_resolve(void)
{
	static const struct {
		const char *name;
		void **slot;
		void *hook;
	} calls[] = {
#define CALL(name, number, arguments, way) { #name, (void **)&real.name, name },
#define LATE(name)                         { #name, (void **)&real.name, name },
#include "shim/hook/calls.h"
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		void *found = real_find(calls[i].name, calls[i].hook);

		if (found)
			*calls[i].slot = found;
	}
}
