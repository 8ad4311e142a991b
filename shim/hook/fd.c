/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that begin, change or end what an fd stands for.
 *
 * What ends an fd is told before the real call: behind it the number may
 * already be another thread's new socket.
 */
#include "shim/hook/real.h"

#include <errno.h>
#include <stdarg.h>

#include "shim/capture/capture.h"
#include "shim/life.h"

/* A number that the kernel has just given out. */
static int fresh(int fd)
{
	if (fd >= 0)
		capture_forget(fd);
	return fd;
}

int socket(int domain, int type, int protocol)
{
	if (domain == AF_INET || domain == AF_INET6)
		life_begin();
	int fd = real.socket(domain, type, protocol);

	if (fd >= 0)
		capture_socket(fd, domain, type, protocol);
	return fd;
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
	int result = real.socketpair(domain, type, protocol, fds);

	if (!result) {
		fresh(fds[0]);
		fresh(fds[1]);
	}
	return result;
}

int bind(int fd, const struct sockaddr *name, socklen_t size)
{
	int result = real.bind(fd, name, size);

	capture_unlearn(fd);
	return result;
}

int connect(int fd, const struct sockaddr *name, socklen_t size)
{
	int result = real.connect(fd, name, size);
	int saved = errno;

	if (!result || errno == EINPROGRESS)
		capture_connect(fd, name, size);
	errno = saved;
	return result;
}

int accept(int fd, struct sockaddr *restrict name, socklen_t *restrict size)
{
	return fresh(real.accept(fd, name, size));
}

int accept4(int fd, struct sockaddr *restrict name, socklen_t *restrict size,
	    int flags)
{
	return fresh(real.accept4(fd, name, size, flags));
}

int close(int fd)
{
	capture_forget(fd);
	return real.close(fd);
}

int close_range(unsigned first, unsigned last, int flags)
{
	/* 4: CLOSE_RANGE_CLOEXEC, which closes nothing yet. */
	if (!(flags & 4))
		capture_forget_range(first, last);
	return real.close_range(first, last, flags);
}

void closefrom(int first)
{
	capture_forget_range(first < 0 ? 0 : first, ~0U);
	real.closefrom(first);
}

int dup(int fd)
{
	return fresh(real.dup(fd));
}

int dup2(int from, int to)
{
	if (from != to)
		capture_forget(to);
	return real.dup2(from, to);
}

int dup3(int from, int to, int flags)
{
	if (from != to)
		capture_forget(to);
	return real.dup3(from, to, flags);
}

static int duplicated(int command, int result)
{
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		fresh(result);
	return result;
}

int fcntl(int fd, int command, ...)
{
	va_list list;

	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	return duplicated(command, real.fcntl(fd, command, argument));
}

int fcntl64(int fd, int command, ...)
{
	va_list list;

	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	return duplicated(command, real.fcntl64(fd, command, argument));
}
