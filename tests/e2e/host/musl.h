/* SPDX-License-Identifier: Apache-2.0
 *
 * What musl lacks of what these programs call; the harness has it read first where
 * they are built with musl-gcc. A call that has no name there is made by its number.
 */
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HOST_BAD(bad, good) (good) /* musl's sendmsg(2) and its like do */

#define strerrorname_np(number) strerror(number)
#define RTLD_DEEPBIND           0
#define _SC_MINSIGSTKSZ         -1 /* sysconf(3) does not know it */

#define __recv_chk(fd, data, size, room, flags) recv(fd, data, size, flags)
#define __recvfrom_chk(fd, data, size, room, flags, name, name_size) \
	recvfrom(fd, data, size, flags, name, name_size)
#define __read_chk(fd, data, size, room) read(fd, data, size)
#define __send                           send
#define __read                           read
#define __write                          write
#define __close                          close
#define __dup2                           dup2
#define __connect                        connect
#define __fcntl                          fcntl
#define __vfork                          vfork
#define __clone                          clone
#define __sigaction                      sigaction
#define ssignal                          signal
#define sysv_signal                      __sysv_signal
#define fcntl64                          fcntl
#define preadv64v2                       preadv2
#define pwritev64v2                      pwritev2

#define posix_spawn_file_actions_addclosefrom_np(actions, first) \
	posix_spawn_file_actions_addclose(actions, first)

/* It does not count what it has given out. */
struct mallinfo2 {
	size_t uordblks, hblkhd;
};

static inline struct mallinfo2 mallinfo2(void)
{
	return (struct mallinfo2){ 0 };
}

sighandler_t __sysv_signal(int number, sighandler_t handler);

static inline int close_range(unsigned first, unsigned last, int flags)
{
	return syscall(SYS_close_range, first, last, flags);
}

static inline void closefrom(int first)
{
	close_range(first, ~0U, 0);
}

static inline int execveat(int directory, const char *path, char *const argv[],
			   char *const envp[], int flags)
{
	return syscall(SYS_execveat, directory, path, argv, envp, flags);
}

/* The kernel takes the offset in two halves, of which the first is all of it. */
static inline ssize_t preadv2(int fd, const struct iovec *iov, int count,
			      off_t offset, int flags)
{
	return syscall(SYS_preadv2, fd, iov, count, offset, 0, flags);
}

static inline ssize_t pwritev2(int fd, const struct iovec *iov, int count,
			       off_t offset, int flags)
{
	return syscall(SYS_pwritev2, fd, iov, count, offset, 0, flags);
}
