/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that carry messages. Each makes the real call first, with nothing
 * held across it (it is a cancellation point, signals arrive in it and may jump
 * out of it), and looks at pointers only after the kernel has accepted them.
 */
#include "shim/hook/real.h"

#include "shim/base/clock.h"
#include "shim/capture/capture.h"
#include "shim/hook/observe.h"

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	if (!observes(fd, flags))
		return real.recv(fd, buffer, size, flags);
	uint64_t word = fdtable_word(fd);
	ssize_t result = real.recv(fd, buffer, size, flags);
	observe_buffer(fd, word, false, 0, buffer, size, result, NULL, 0);
	return result;
}

ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags,
		 struct sockaddr *restrict name, socklen_t *restrict name_size)
{
	if (!observes(fd, flags))
		return real.recvfrom(fd, buffer, size, flags, name, name_size);
	uint64_t word = fdtable_word(fd);
	ssize_t result =
		real.recvfrom(fd, buffer, size, flags, name, name_size);
	if (result > 0)
		observe_buffer(fd, word, false, 0, buffer, size, result, name,
			       name && name_size ? *name_size : 0);
	return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	if (!observes(fd, flags))
		return real.recvmsg(fd, message, flags);
	uint64_t word = fdtable_word(fd);
	ssize_t result = real.recvmsg(fd, message, flags);
	observe_message(fd, word, false, 0, message, result);
	return result;
}

int recvmmsg(int fd, struct mmsghdr *vector, unsigned int length, int flags,
	     struct timespec *timeout)
{
	if (!observes(fd, flags))
		return real.recvmmsg(fd, vector, length, flags, timeout);
	uint64_t word = fdtable_word(fd);
	int result = real.recvmmsg(fd, vector, length, flags, timeout);
	observe_vector(fd, word, false, 0, vector, result);
	return result;
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	if (!observes(fd, flags))
		return real.send(fd, buffer, size, flags);
	uint64_t word = fdtable_word(fd), now = clock_wall();
	ssize_t result = real.send(fd, buffer, size, flags);
	observe_buffer(fd, word, true, now, buffer, size, result, NULL, 0);
	return result;
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags,
	       const struct sockaddr *name, socklen_t name_size)
{
	if (!observes(fd, flags))
		return real.sendto(fd, buffer, size, flags, name, name_size);
	uint64_t word = fdtable_word(fd), now = clock_wall();
	ssize_t result = real.sendto(fd, buffer, size, flags, name, name_size);
	observe_buffer(fd, word, true, now, buffer, size, result, name,
		       name_size);
	return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (!observes(fd, flags))
		return real.sendmsg(fd, message, flags);
	uint64_t word = fdtable_word(fd), now = clock_wall();
	ssize_t result = real.sendmsg(fd, message, flags);
	observe_message(fd, word, true, now, message, result);
	return result;
}

int sendmmsg(int fd, struct mmsghdr *vector, unsigned int length, int flags)
{
	if (!observes(fd, flags))
		return real.sendmmsg(fd, vector, length, flags);
	uint64_t word = fdtable_word(fd), now = clock_wall();
	int result = real.sendmmsg(fd, vector, length, flags);
	observe_vector(fd, word, true, now, vector, result);
	return result;
}

ssize_t read(int fd, void *buffer, size_t size)
{
	if (!capture_watches(fd))
		return real.read(fd, buffer, size);
	uint64_t word = fdtable_word(fd);
	ssize_t result = real.read(fd, buffer, size);
	observe_buffer(fd, word, false, 0, buffer, size, result, NULL, 0);
	return result;
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	if (!capture_watches(fd))
		return real.readv(fd, iov, count);
	uint64_t word = fdtable_word(fd);
	ssize_t result = real.readv(fd, iov, count);
	observe_iovec(fd, word, false, 0, iov, count, result);
	return result;
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	if (!capture_watches(fd))
		return real.write(fd, buffer, size);
	uint64_t word = fdtable_word(fd), now = clock_wall();
	ssize_t result = real.write(fd, buffer, size);
	observe_buffer(fd, word, true, now, buffer, size, result, NULL, 0);
	return result;
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (!capture_watches(fd))
		return real.writev(fd, iov, count);
	uint64_t word = fdtable_word(fd), now = clock_wall();
	ssize_t result = real.writev(fd, iov, count);
	observe_iovec(fd, word, true, now, iov, count, result);
	return result;
}
