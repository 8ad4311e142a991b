/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that carry messages. Each makes the real call first, with nothing
 * held across it (it is a cancellation point, signals arrive in it and may jump
 * out of it), and looks at pointers only after the kernel has accepted them.
 */
#include "shim/hook/real.h"

#include "shim/hook/observe.h"

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	struct capture_call call;

	if (!observes(&call, fd, flags, false))
		return real.recv(fd, buffer, size, flags);
	ssize_t result = real.recv(fd, buffer, size, flags);
	observe_buffer(&call, buffer, size, result, NULL, 0);
	return result;
}

ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags,
		 struct sockaddr *restrict name, socklen_t *restrict name_size)
{
	struct capture_call call;
	struct sockaddr_storage from;
	socklen_t from_size = sizeof(from);

	if (!observes(&call, fd, flags, false))
		return real.recvfrom(fd, buffer, size, flags, name, name_size);
	/* On a socket that is not connected nothing else tells the sender, and
	 * some do not care for it: nsd, with IXFR over UDP. */
	if (!name) {
		name = (struct sockaddr *)&from;
		name_size = &from_size;
	}
	ssize_t result =
		real.recvfrom(fd, buffer, size, flags, name, name_size);
	if (result > 0)
		observe_buffer(&call, buffer, size, result, name,
			       name_size ? *name_size : 0);
	return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct capture_call call;

	if (!observes(&call, fd, flags, false))
		return real.recvmsg(fd, message, flags);
	ssize_t result = real.recvmsg(fd, message, flags);
	observe_message(&call, message, result);
	return result;
}

int recvmmsg(int fd, struct mmsghdr *vector, unsigned int length, int flags,
	     struct timespec *timeout)
{
	struct capture_call call;

	if (!observes(&call, fd, flags, false))
		return real.recvmmsg(fd, vector, length, flags, timeout);
	int result = real.recvmmsg(fd, vector, length, flags, timeout);
	observe_vector(&call, vector, result);
	return result;
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	struct capture_call call;

	if (!observes(&call, fd, flags, true))
		return real.send(fd, buffer, size, flags);
	ssize_t result = real.send(fd, buffer, size, flags);
	observe_buffer(&call, buffer, size, result, NULL, 0);
	return result;
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags,
	       const struct sockaddr *name, socklen_t name_size)
{
	struct capture_call call;

	if (!observes(&call, fd, flags, true))
		return real.sendto(fd, buffer, size, flags, name, name_size);
	ssize_t result = real.sendto(fd, buffer, size, flags, name, name_size);
	observe_buffer(&call, buffer, size, result, name, name_size);
	return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct capture_call call;

	if (!observes(&call, fd, flags, true))
		return real.sendmsg(fd, message, flags);
	ssize_t result = real.sendmsg(fd, message, flags);
	observe_message(&call, message, result);
	return result;
}

int sendmmsg(int fd, struct mmsghdr *vector, unsigned int length, int flags)
{
	struct capture_call call;

	if (!observes(&call, fd, flags, true))
		return real.sendmmsg(fd, vector, length, flags);
	int result = real.sendmmsg(fd, vector, length, flags);
	observe_vector(&call, vector, result);
	return result;
}

ssize_t read(int fd, void *buffer, size_t size)
{
	struct capture_call call;

	if (!capture_enter(&call, fd, false))
		return real.read(fd, buffer, size);
	ssize_t result = real.read(fd, buffer, size);
	observe_buffer(&call, buffer, size, result, NULL, 0);
	return result;
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	struct capture_call call;

	if (!capture_enter(&call, fd, false))
		return real.readv(fd, iov, count);
	ssize_t result = real.readv(fd, iov, count);
	observe_iovec(&call, iov, count, result);
	return result;
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	struct capture_call call;

	if (!capture_enter(&call, fd, true))
		return real.write(fd, buffer, size);
	ssize_t result = real.write(fd, buffer, size);
	observe_buffer(&call, buffer, size, result, NULL, 0);
	return result;
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	struct capture_call call;

	if (!capture_enter(&call, fd, true))
		return real.writev(fd, iov, count);
	ssize_t result = real.writev(fd, iov, count);
	observe_iovec(&call, iov, count, result);
	return result;
}
