/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded behind the library: what has received a query for `slow` comes back a
 * good while later, as if the thread had lost the processor until then.
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WHILE 2 /* seconds */

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static int is_slow(const struct msghdr *message, ssize_t size)
{
	return size > 0 &&
	       memmem(message->msg_iov->iov_base, size, "\4slow", 5);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	static typeof(recvmsg) *next;

	if (!next)
		next = (typeof(recvmsg) *)dlsym(RTLD_NEXT, "recvmsg");
	ssize_t size = next(fd, message, flags);
	if (is_slow(message, size)) {
		time_t end = now() + WHILE + 1;

		if (write(STDOUT_FILENO, "taken\n", 6) == 6)
			while (now() < end)
				;
	}
	return size;
}
