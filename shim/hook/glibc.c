/* SPDX-License-Identifier: Apache-2.0
 *
 * What is glibc's: other names of hooked calls, and the checked forms that
 * _FORTIFY_SOURCE compiles calls into. libc's own would call its insides and
 * never come by the hooks.
 */
#include "shim/hook/libc.h"

#include <pthread.h>
#include <stdarg.h>

#include "shim/hook/fd.h"
#include "shim/hook/real.h"

#pragma GCC visibility push(default)
extern typeof(send) __send;
extern typeof(read) __read;
extern typeof(write) __write;
extern typeof(connect) __connect;
extern typeof(close) __close;
extern typeof(dup2) __dup2;
extern typeof(fcntl) __fcntl;
extern typeof(sigaction) __sigaction;
extern typeof(signal) ssignal, sysv_signal;

void __chk_fail(void) __attribute__((noreturn));
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room,
		       int flags, struct sockaddr *name, socklen_t *name_size);
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
#pragma GCC visibility pop

ssize_t preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset,
		   int flags)
{
	return preadv2(fd, iov, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset,
		    int flags)
{
	return pwritev2(fd, iov, count, offset, flags);
}

ssize_t __send(int fd, const void *buffer, size_t size, int flags)
{
	return send(fd, buffer, size, flags);
}

ssize_t __read(int fd, void *buffer, size_t size)
{
	return read(fd, buffer, size);
}

ssize_t __write(int fd, const void *buffer, size_t size)
{
	return write(fd, buffer, size);
}

int __connect(int fd, const struct sockaddr *name, socklen_t size)
{
	return connect(fd, name, size);
}

int __close(int fd)
{
	return close(fd);
}

int __dup2(int from, int to)
{
	return dup2(from, to);
}

int __fcntl(int fd, int command, ...)
{
	va_list list;

	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	return fcntl(fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
	va_list list;

	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	return fd_duplicated(command, real.fcntl64(fd, command, argument));
}

ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
	if (size > room)
		__chk_fail();
	return recv(fd, buffer, size, flags);
}

ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room,
		       int flags, struct sockaddr *name, socklen_t *name_size)
{
	if (size > room)
		__chk_fail();
	return recvfrom(fd, buffer, size, flags, name, name_size);
}

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
	if (size > room)
		__chk_fail();
	return read(fd, buffer, size);
}

int __sigaction(int number, const struct sigaction *restrict action,
		struct sigaction *restrict before)
{
	return sigaction(number, action, before);
}

sighandler_t ssignal(int number, sighandler_t handler)
{
	return signal(number, handler);
}

sighandler_t sysv_signal(int number, sighandler_t handler)
{
	return __sysv_signal(number, handler);
}

const struct libc_signals libc_signals = {
	.sysv_flags = SA_ONESHOT | SA_NOMASK | SA_INTERRUPT,
	.masks = true,
	.remembers = true,
};

void libc_begin(void)
{
}

#if defined(__x86_64__)
#define DL_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define DL_VERSION "GLIBC_2.17"
#endif

/* A sanitizer looks names up before it is ready for what it has instrumented. */
__attribute__((no_sanitize("address", "thread", "undefined"))) void *libc_dl(
	const char *name)
{
	return dlvsym(RTLD_NEXT, name, DL_VERSION);
}

/* libc's own way of cleaning up, also behind a jump: what the compiler makes of
 * the macros of <pthread.h> would need libgcc_s. */
void _pthread_cleanup_push(struct _pthread_cleanup_buffer *buffer,
			   void (*routine)(void *call), void *call);
void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *buffer, int execute);

_Static_assert(sizeof(struct _pthread_cleanup_buffer) <=
		       sizeof(struct libc_cleanup),
	       "it lies in there");

void libc_cleanup_push(struct libc_cleanup *cleanup, void (*routine)(void *),
		       void *call)
{
	_pthread_cleanup_push((void *)cleanup, routine, call);
}

void libc_cleanup_pop(struct libc_cleanup *cleanup)
{
	_pthread_cleanup_pop((void *)cleanup, 0);
}
