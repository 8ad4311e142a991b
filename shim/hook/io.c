/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that carry messages.
 */
#include "shim/hook/io.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "shim/base/reach.h"
#include "shim/base/sandbox.h"
#include "shim/hook/libc.h"
#include "shim/hook/observe.h"
#include "shim/hook/receive.h"

/* As much is read or written at a time: read(2). */
#define OCTETS_MAX 0x7ffff000

/* Receiving. */

/* By another kernel, or by a filter that was there before the program. */
static _Atomic bool refused;

/* The host may have given up the right to receive as we would. */
static bool is_ours_to_receive(const struct capture_call *call)
{
	return capture_is_datagram(call) && sandbox_allows(SYS_recvmsg) &&
	       !atomic_load_explicit(&refused, memory_order_relaxed);
}

/* Then nothing was received, and the host's own call is made. */
static bool is_refused(ssize_t result)
{
	bool is = result < 0 && (errno == ENOSYS || errno == EPERM);

	if (is)
		atomic_store_explicit(&refused, true, memory_order_relaxed);
	return is;
}

static ssize_t receive_as_is(struct capture_call *call,
			     const struct real_table *by, struct iovec *iov,
			     int flags, struct sockaddr *name,
			     socklen_t *name_size)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 1 };
	socklen_t room = 0;

	if (name && reach_reads(name_size, sizeof(*name_size)))
		room = *name_size;
	ssize_t result = by->recvfrom(call->fd, iov->iov_base, iov->iov_len,
				      flags, name, name_size);
	if (result > 0 && room && capture_is_datagram(call)) {
		message.msg_name = name;
		message.msg_namelen = room < *name_size ? room : *name_size;
	}
	observe_octets(call, &message, result);
	return observed_result(result);
}

ssize_t io_recvfrom(const struct real_table *by, int fd, void *buffer,
		    size_t size, int flags, struct sockaddr *name,
		    socklen_t *name_size)
{
	struct capture_call call;
	struct iovec iov = { buffer, size < OCTETS_MAX ? size : OCTETS_MAX };
	ssize_t result;

	if (!observes(&call, fd, flags, false))
		return by->recvfrom(fd, buffer, size, flags, name, name_size);
	if (is_ours_to_receive(&call) &&
	    (!name || receive_can_name(&call, name, name_size))) {
		result = receive_octets(&call, by, &iov, 1, flags, name,
					name_size);
		if (!is_refused(result))
			return observed_result(result);
	}
	return receive_as_is(&call, by, &iov, flags, name, name_size);
}

ssize_t io_recvmsg(const struct real_table *by, int fd, struct msghdr *message,
		   int flags)
{
	struct capture_call call;
	bool observed = observes(&call, fd, flags, false);

	if (observed && capture_is_datagram(&call))
		return observed_result(
			receive_message(&call, by, message, flags));
	ssize_t result = by->recvmsg(fd, message, flags);
	if (result >= 0)
		capture_fds(message);
	if (!observed)
		return result;
	observe_message(&call, message, result);
	return observed_result(result);
}

ssize_t io_recvmmsg(const struct real_table *by, int fd, struct mmsghdr *vector,
		    unsigned length, int flags, struct timespec *timeout)
{
	struct capture_call call;
	bool observed = observes(&call, fd, flags, false);

	if (observed && capture_is_datagram(&call))
		return observed_result(receive_vector(&call, by, vector, length,
						      flags, timeout));
	int result = by->recvmmsg(fd, vector, length, flags, timeout);
	for (int i = 0; i < result; i++)
		capture_fds(&vector[i].msg_hdr);
	if (!observed)
		return result;
	observe_vector(&call, vector, result);
	return observed_result(result);
}

/* Reading nothing leaves a datagram where it is, receiving nothing takes it. */
static bool reads_something(const struct iovec *iov, int count)
{
	size_t size = 0;

	if (count <= 0 || count > IOV_MAX ||
	    !reach_reads(iov, count * sizeof(*iov)))
		return false;
	for (int i = 0; i < count && !size; i++)
		size = iov[i].iov_len;
	return size;
}

ssize_t io_read(const struct real_table *by, int fd, void *buffer, size_t size)
{
	struct capture_call call;
	struct iovec iov = { buffer, size < OCTETS_MAX ? size : OCTETS_MAX };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t result;

	if (!capture_enter(&call, fd, false))
		return by->read(fd, buffer, size);
	if (is_ours_to_receive(&call) && size && size <= SSIZE_MAX) {
		result = receive_octets(&call, by, &iov, 1, 0, NULL, NULL);
		if (!is_refused(result))
			return observed_result(result);
	}
	result = by->read(fd, buffer, size);
	observe_octets(&call, &message, result);
	return observed_result(result);
}

ssize_t io_readv(const struct real_table *by, int fd, const struct iovec *iov,
		 int count)
{
	struct capture_call call;
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = count };
	ssize_t result;

	if (!capture_enter(&call, fd, false))
		return by->readv(fd, iov, count);
	if (is_ours_to_receive(&call) && reads_something(iov, count)) {
		result = receive_octets(&call, by, iov, count, 0, NULL, NULL);
		if (!is_refused(result))
			return observed_result(result);
	}
	result = by->readv(fd, iov, count);
	observe_octets(&call, &message, result);
	return observed_result(result);
}

/* Offset -1 is the place of what has none, such as a socket. */
ssize_t io_preadv2(const struct real_table *by, int fd, const struct iovec *iov,
		   int count, off_t offset, int flags)
{
	struct capture_call call;
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = count };
	ssize_t result;

	if (offset != -1 || !capture_enter(&call, fd, false))
		return by->preadv2(fd, iov, count, offset, flags);
	if (is_ours_to_receive(&call) && !(flags & ~RWF_NOWAIT) &&
	    reads_something(iov, count)) {
		result = receive_octets(&call, by, iov, count,
					flags ? MSG_DONTWAIT : 0, NULL, NULL);
		if (!is_refused(result))
			return observed_result(result);
	}
	result = by->preadv2(fd, iov, count, offset, flags);
	observe_octets(&call, &message, result);
	return observed_result(result);
}

/* The names. What is of no interest is passed straight on. */

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	if (!capture_watches(fd))
		return real.recv(fd, buffer, size, flags);
	return io_recvfrom(&real, fd, buffer, size, flags, NULL, NULL);
}

ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags,
		 struct sockaddr *restrict name, socklen_t *restrict name_size)
{
	if (!capture_watches(fd))
		return real.recvfrom(fd, buffer, size, flags, name, name_size);
	return io_recvfrom(&real, fd, buffer, size, flags, name, name_size);
}

/* An fd may come along on any socket. */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	return io_recvmsg(&real, fd, message, flags);
}

int recvmmsg(int fd, struct mmsghdr *vector, unsigned length,
	     LIBC_VECTOR_FLAGS flags, struct timespec *timeout)
{
	return io_recvmmsg(&real, fd, vector, length, flags, timeout);
}

ssize_t read(int fd, void *buffer, size_t size)
{
	if (!capture_watches(fd))
		return real.read(fd, buffer, size);
	return io_read(&real, fd, buffer, size);
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	if (!capture_watches(fd))
		return real.readv(fd, iov, count);
	return io_readv(&real, fd, iov, count);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	if (!capture_watches(fd))
		return real.send(fd, buffer, size, flags);
	return io_sendto(&real, fd, buffer, size, flags, NULL, 0);
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags,
	       const struct sockaddr *name, socklen_t name_size)
{
	if (!capture_watches(fd))
		return real.sendto(fd, buffer, size, flags, name, name_size);
	return io_sendto(&real, fd, buffer, size, flags, name, name_size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (!capture_watches(fd))
		return real.sendmsg(fd, message, flags);
	return io_sendmsg(&real, fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *vector, unsigned int length,
	     LIBC_VECTOR_FLAGS flags)
{
	if (!capture_watches(fd))
		return real.sendmmsg(fd, vector, length, flags);
	return io_sendmmsg(&real, fd, vector, length, flags);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	if (!capture_watches(fd))
		return real.write(fd, buffer, size);
	return io_write(&real, fd, buffer, size);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (!capture_watches(fd))
		return real.writev(fd, iov, count);
	return io_writev(&real, fd, iov, count);
}

ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset,
		int flags)
{
	return io_preadv2(&real, fd, iov, count, offset, flags);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset,
		 int flags)
{
	return io_pwritev2(&real, fd, iov, count, offset, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
	return io_sendfile(&real, out, in, offset, count);
}

ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset,
	       size_t size, unsigned flags)
{
	return io_splice(&real, in, in_offset, out, out_offset, size, flags);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return io_setsockopt(&real, fd, level, name, value, size);
}
