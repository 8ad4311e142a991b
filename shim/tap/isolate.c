/* SPDX-License-Identifier: Apache-2.0
 *
 * A private fd table, and a place that is not counted.
 */
#include "shim/tap/isolate.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's count, which it shows to debuggers; NULL where it does not. */
static _Atomic unsigned *threads;

/* Something that takes any write and has no effect. In a chroot without /dev an
 * eventfd does. */
static int open_nothing(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return fd >= 0 ? fd : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* Under a super-server standard error may be the connection to a DNS client. */
static bool is_log(int fd)
{
	struct sockaddr name;
	socklen_t size = sizeof(name);
	struct stat about;

	if (fstat(fd, &about))
		return false;
	return !S_ISSOCK(about.st_mode) ||
	       (!getsockname(fd, &name, &size) && name.sa_family == AF_UNIX);
}

bool isolate_fds(void)
{
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE))
		return false;
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (!is_log(STDERR_FILENO))
		close(STDERR_FILENO);
	/* So that no endpoint lands where standard error is expected. */
	int fd;
	do
		fd = open_nothing();
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return true;
}

void isolate_begin(void)
{
	threads = dlsym(RTLD_DEFAULT, "__nptl_nthreads");
	dlerror();
}

void isolate_uncount(void)
{
	if (threads)
		atomic_fetch_sub(threads, 1);
}

void isolate_leave(void)
{
	/* pthread_exit(3) would count a thread less. */
	if (threads)
		syscall(SYS_exit, 0);
	pthread_exit(NULL);
}
