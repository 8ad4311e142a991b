/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that begin, change or end what an fd stands for.
 *
 * What ends an fd is told before the real call: behind it the number may
 * already be another thread's new socket. What replaces one is told after it:
 * the number stays taken, and the call may fail.
 */
#include "shim/hook/fd.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>

#include "shim/base/fds.h"
#include "shim/base/own_fds.h"
#include "shim/capture/capture.h"
#include "shim/hook/life.h"
#include "shim/hook/real.h"

/* None of the calls in this file but connect(2), accept(2) and close(2) is a
 * cancellation point: what we do beside them must not be one either. */
static void uncancelled(void (*step)(void))
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	step();
	pthread_setcancelstate(state, NULL);
}

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
		uncancelled(life_begin);
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

	if (result)
		return result;
	capture_bound(fd, name, size);
	if (capture_serves(name, size))
		uncancelled(life_reserve);
	return 0;
}

int connect(int fd, const struct sockaddr *name, socklen_t size)
{
	int result = real.connect(fd, name, size);
	int saved = errno;

	if (!result || errno == EINPROGRESS || errno == EINTR)
		capture_connect(fd, name, size);
	errno = saved;
	return result;
}

static int accepted(int listener, int fd)
{
	if (fd >= 0)
		capture_accepted(listener, fd);
	return fd;
}

int accept(int fd, struct sockaddr *restrict name, socklen_t *restrict size)
{
	return accepted(fd, real.accept(fd, name, size));
}

int accept4(int fd, struct sockaddr *restrict name, socklen_t *restrict size,
	    int flags)
{
	return accepted(fd, real.accept4(fd, name, size, flags));
}

int close(int fd)
{
	if (own_fds_has(fd)) {
		errno = EBADF;
		return -1;
	}
	capture_forget(fd);
	return real.close(fd);
}

/* No number of an fd: of a range that is only this the kernel does nothing but say
 * whether it would have done it. */
#define NOWHERE UINT_MAX

/* All but ours, where they lie among the host's. */
static int close_others(unsigned first, unsigned last, int flags)
{
	int ours, result = 0;

	while ((ours = own_fds_next(first, last)) >= 0) {
		if ((unsigned)ours > first)
			result |= real.close_range(first, ours - 1, flags);
		if ((unsigned)ours == last)
			first = last = NOWHERE;
		else
			first = ours + 1;
	}
	return result | real.close_range(first, last, flags);
}

int close_range(unsigned first, unsigned last, int flags)
{
	capture_close_range(first, last, flags);
	return own_fds_shares() ? close_others(first, last, flags)
				: real.close_range(first, last, flags);
}

/* Where ours are among the host's, close_range(2) has been refused. */
void closefrom(int first)
{
	unsigned fd = first < 0 ? 0 : first;

	capture_close_range(fd, ~0U, 0);
	if (!own_fds_shares()) {
		real.closefrom(first);
		return;
	}
	int saved = errno;
	if (!fds_close_from(fd))
		for (unsigned end = getdtablesize(); fd < end; fd++)
			close(fd);
	errno = saved;
}

int dup(int fd)
{
	return fresh(real.dup(fd));
}

void fd_replaces(struct fd_replacing *replacing, int to)
{
	replacing->turn = own_fds_replace();
	replacing->before = capture_replaces(to);
}

/* The number is the host's now, whoever had it; in the table of a child that has
 * but borrowed the memory it always was. */
int fd_replaced(const struct fd_replacing *replacing, int from, int result)
{
	if (result >= 0 && from != result) {
		capture_replaced(result, replacing->before);
		if (own_fds_has(result) && !thread_is_muted())
			own_fds_lose(result);
	}
	own_fds_replaced(replacing->turn);
	return result;
}

int dup2(int from, int to)
{
	struct fd_replacing replacing;

	fd_replaces(&replacing, to);
	return fd_replaced(&replacing, from, real.dup2(from, to));
}

int dup3(int from, int to, int flags)
{
	struct fd_replacing replacing;

	fd_replaces(&replacing, to);
	return fd_replaced(&replacing, from, real.dup3(from, to, flags));
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

/* fclose(3) will close it where no hook sees it, and the number may be a file's
 * next. What stdio reads and writes no hook sees either. */
FILE *fdopen(int fd, const char *mode)
{
	FILE *stream = real_late(fdopen)(fd, mode);

	if (stream)
		capture_disown(fd);
	return stream;
}
