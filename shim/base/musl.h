/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sources take from glibc's headers and musl's lack. `make musl` has this
 * read before each file; nobody includes it.
 */
#pragma once

/* Also declared for those who define them: shim/hook/real.h. */
#pragma GCC visibility push(default)
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Names of libc's that the library defines all the same: a later musl may have
 * them, and programs that were built against it. */
int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);
int execveat(int directory, const char *path, char *const argv[],
	     char *const envp[], int flags);
ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset,
		int flags);
ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset,
		 int flags);
sighandler_t __sysv_signal(int number, sighandler_t handler);

/* Two names in the library, one in the headers. */
#undef sendfile64
ssize_t sendfile64(int out, int in, off_t *offset, size_t count);
#pragma GCC visibility pop

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#define LIBC_VECTOR_FLAGS unsigned
/* It keeps none, and its malloc(3) no longer locks when the last other thread has ended:
 * one that a handler starts would be in the midst of what that has interrupted. */
#define LIBC_KEEPS_STACKS false
#define RTLD_DEEPBIND     0 /* whoever passes it to musl's dlopen gets nothing */

/* Its texts are never translated into memory of its own. */
#define strerrordesc_np(code)          strerror(code)
#define strerror_r(code, buffer, size) ((void)(buffer), strerror(code))

static inline int tgkill(pid_t process, pid_t thread, int number)
{
	return syscall(SYS_tgkill, process, thread, number);
}

static inline int renameat2(int from_directory, const char *from,
			    int to_directory, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, from_directory, from, to_directory, to,
		       flags);
}
