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
#include "shim/hook/real.h"
#include "shim/hook/runtime.h"

/* A number that the kernel has just given out. */
static long fresh(int fd)
{
	if (fd >= 0)
		capture_born(fd);
	return fd;
}

long fd_socket(const struct real_table *by, int domain, int type, int protocol)
{
	int fd = by->socket(domain, type, protocol);

	if (fd >= 0)
		capture_socket(fd, domain, type, protocol);
	return fd;
}

long fd_socketpair(const struct real_table *by, int domain, int type,
		   int protocol, int fds[2])
{
	int result = by->socketpair(domain, type, protocol, fds);

	if (!result) {
		fresh(fds[0]);
		fresh(fds[1]);
	}
	return result;
}

long fd_bind(const struct real_table *by, int fd, const struct sockaddr *name,
	     socklen_t size)
{
	int result = by->bind(fd, name, size);

	if (!result)
		capture_bound(fd, name, size);
	return result;
}

long fd_connect(const struct real_table *by, int fd,
		const struct sockaddr *name, socklen_t size)
{
	int result = by->connect(fd, name, size);
	int saved = errno;

	if (!result || errno == EINPROGRESS || errno == EINTR)
		capture_connect(fd, name, size);
	errno = saved;
	return result;
}

static long accepted(int listener, int fd)
{
	if (fd >= 0)
		capture_accepted(listener, fd);
	return fd;
}

long fd_accept(const struct real_table *by, int fd, struct sockaddr *name,
	       socklen_t *size)
{
	return accepted(fd, by->accept(fd, name, size));
}

long fd_accept4(const struct real_table *by, int fd, struct sockaddr *name,
		socklen_t *size, int flags)
{
	return accepted(fd, by->accept4(fd, name, size, flags));
}

long fd_close(const struct real_table *by, int fd)
{
	if (own_fds_has(fd)) {
		errno = EBADF;
		return -1;
	}
	capture_forget(fd);
	return by->close(fd);
}

/* No number of an fd: of a range that is only this the kernel does nothing but say
 * whether it would have done it. */
#define NOWHERE UINT_MAX

/* All but ours, where they lie among the host's. */
static int close_others(const struct real_table *by, unsigned first,
			unsigned last, int flags)
{
	int ours, result = 0;

	while ((ours = own_fds_next(first, last)) >= 0) {
		if ((unsigned)ours > first)
			result |= by->close_range(first, ours - 1, flags);
		if ((unsigned)ours == last)
			first = last = NOWHERE;
		else
			first = ours + 1;
	}
	return result | by->close_range(first, last, flags);
}

long fd_close_range(const struct real_table *by, unsigned first, unsigned last,
		    int flags)
{
	capture_close_range(first, last, flags);
	return own_fds_shares() ? close_others(by, first, last, flags)
				: by->close_range(first, last, flags);
}

long fd_dup(const struct real_table *by, int fd)
{
	return fresh(by->dup(fd));
}

/* Around a call that puts something else in the place of `to`. */
struct replacing {
	uint64_t before; /* what the number stood for, as the fd table has it */
	uint32_t turn;
};

static struct replacing replace_begin(int to)
{
	uint32_t turn = own_fds_replace();

	return (struct replacing){ capture_replaces(to), turn };
}

/* The number is the host's now, whoever had it; in the table of a child that has
 * but borrowed the memory it always was. */
static long replace_end(const struct replacing *replacing, int from, int result)
{
	if (result >= 0 && from != result) {
		capture_replaced(result, replacing->before);
		if (own_fds_has(result) && !thread_is_untraced())
			own_fds_lose(result);
	}
	own_fds_replaced(replacing->turn);
	return result;
}

long fd_dup2(const struct real_table *by, int from, int to)
{
	struct replacing replacing = replace_begin(to);

	return replace_end(&replacing, from, by->dup2(from, to));
}

long fd_dup3(const struct real_table *by, int from, int to, int flags)
{
	struct replacing replacing = replace_begin(to);

	return replace_end(&replacing, from, by->dup3(from, to, flags));
}

long fd_duplicated(int command, int result)
{
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		fresh(result);
	return result;
}

long fd_fcntl(const struct real_table *by, int fd, int command, void *argument)
{
	return fd_duplicated(command, by->fcntl(fd, command, argument));
}

/* The names. */

/* None of these but connect(2), accept(2) and close(2) is a cancellation point:
 * what we do beside them must not be one either. */
static void uncancelled(void (*step)(void))
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	step();
	pthread_setcancelstate(state, NULL);
}

int socket(int domain, int type, int protocol)
{
	if (domain == AF_INET || domain == AF_INET6)
		uncancelled(runtime_begin);
	return fd_socket(&real, domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
	return fd_socketpair(&real, domain, type, protocol, fds);
}

int bind(int fd, const struct sockaddr *name, socklen_t size)
{
	int result = fd_bind(&real, fd, name, size);

	if (!result && capture_serves(name, size))
		uncancelled(runtime_reserve);
	return result;
}

int connect(int fd, const struct sockaddr *name, socklen_t size)
{
	return fd_connect(&real, fd, name, size);
}

int accept(int fd, struct sockaddr *restrict name, socklen_t *restrict size)
{
	return fd_accept(&real, fd, name, size);
}

int accept4(int fd, struct sockaddr *restrict name, socklen_t *restrict size,
	    int flags)
{
	return fd_accept4(&real, fd, name, size, flags);
}

int close(int fd)
{
	return fd_close(&real, fd);
}

int close_range(unsigned first, unsigned last, int flags)
{
	return fd_close_range(&real, first, last, flags);
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
	if (!fds_listed() || !fds_close_from(fd))
		for (unsigned end = getdtablesize(); fd < end; fd++)
			close(fd);
	errno = saved;
}

int dup(int fd)
{
	return fd_dup(&real, fd);
}

int dup2(int from, int to)
{
	return fd_dup2(&real, from, to);
}

int dup3(int from, int to, int flags)
{
	return fd_dup3(&real, from, to, flags);
}

int fcntl(int fd, int command, ...)
{
	va_list list;

	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	return fd_fcntl(&real, fd, command, argument);
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
