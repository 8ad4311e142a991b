/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that carry messages.
 */
#include "shim/hook/io.h"

#include <limits.h>
#include <pthread.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "shim/base/reach.h"
#include "shim/base/sandbox.h"
#include "shim/capture/connection.h"
#include "shim/capture/datagram.h"
#include "shim/hook/observe.h"
#include "shim/hook/receive.h"

/* As much is read or written at a time: read(2). */
#define OCTETS_MAX 0x7ffff000

/* MSG_PROBE of the kernel's: a datagram is looked at, and not sent. */
#define PROBE 0x10

/* Receiving. */

/* The host may have given up the right to receive as we would. */
static bool is_ours_to_receive(const struct capture_call *call)
{
	return capture_is_datagram(call) && sandbox_allows(SYS_recvmsg);
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
	return result;
}

ssize_t io_recvfrom(const struct real_table *by, int fd, void *buffer,
		    size_t size, int flags, struct sockaddr *name,
		    socklen_t *name_size)
{
	struct capture_call call;
	struct iovec iov = { buffer, size < OCTETS_MAX ? size : OCTETS_MAX };

	if (!observes(&call, fd, flags, false))
		return by->recvfrom(fd, buffer, size, flags, name, name_size);
	if (is_ours_to_receive(&call) &&
	    (!name || receive_can_name(&call, name, name_size)))
		return receive_octets(&call, by, &iov, 1, flags, name,
				      name_size);
	return receive_as_is(&call, by, &iov, flags, name, name_size);
}

ssize_t io_recvmsg(const struct real_table *by, int fd, struct msghdr *message,
		   int flags)
{
	struct capture_call call;
	bool observed = observes(&call, fd, flags, false);

	if (observed && capture_is_datagram(&call))
		return receive_message(&call, by, message, flags);
	ssize_t result = by->recvmsg(fd, message, flags);
	if (result >= 0)
		capture_fds(message);
	if (observed)
		observe_message(&call, message, result);
	return result;
}

ssize_t io_recvmmsg(const struct real_table *by, int fd, struct mmsghdr *vector,
		    unsigned length, int flags, struct timespec *timeout)
{
	struct capture_call call;
	bool observed = observes(&call, fd, flags, false);

	if (observed && capture_is_datagram(&call))
		return receive_vector(&call, by, vector, length, flags,
				      timeout);
	int result = by->recvmmsg(fd, vector, length, flags, timeout);
	for (int i = 0; i < result; i++)
		capture_fds(&vector[i].msg_hdr);
	if (observed)
		observe_vector(&call, vector, result);
	return result;
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

	if (!capture_enter(&call, fd, false))
		return by->read(fd, buffer, size);
	if (is_ours_to_receive(&call) && size && size <= SSIZE_MAX)
		return receive_octets(&call, by, &iov, 1, 0, NULL, NULL);
	ssize_t result = by->read(fd, buffer, size);
	observe_octets(&call, &message, result);
	return result;
}

ssize_t io_readv(const struct real_table *by, int fd, const struct iovec *iov,
		 int count)
{
	struct capture_call call;
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = count };

	if (!capture_enter(&call, fd, false))
		return by->readv(fd, iov, count);
	if (is_ours_to_receive(&call) && reads_something(iov, count))
		return receive_octets(&call, by, iov, count, 0, NULL, NULL);
	ssize_t result = by->readv(fd, iov, count);
	observe_octets(&call, &message, result);
	return result;
}

/* Offset -1 is the place of what has none, such as a socket. */
ssize_t io_preadv2(const struct real_table *by, int fd, const struct iovec *iov,
		   int count, off_t offset, int flags)
{
	struct capture_call call;
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = count };

	if (offset != -1 || !capture_enter(&call, fd, false))
		return by->preadv2(fd, iov, count, offset, flags);
	if (is_ours_to_receive(&call) && !(flags & ~RWF_NOWAIT) &&
	    reads_something(iov, count))
		return receive_octets(&call, by, iov, count,
				      flags ? MSG_DONTWAIT : 0, NULL, NULL);
	ssize_t result = by->preadv2(fd, iov, count, offset, flags);
	observe_octets(&call, &message, result);
	return result;
}

/* Sending. */

struct sending {
	struct capture_call call;
	struct datagram_departure departure;
	struct _pthread_cleanup_buffer cleanup; /* while there is a copy */
};

/* libc's own way of cleaning up, also behind a jump: what the compiler makes of
 * the macros of <pthread.h> would need libgcc_s. */
void _pthread_cleanup_push(struct _pthread_cleanup_buffer *buffer,
			   void (*routine)(void *call), void *call);
void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *buffer, int execute);

/* The real call is a cancellation point, and then this is all that runs. */
static void leave(void *call)
{
	connection_leave(call);
}

/* Before the real call. Returns false if it is of no interest. */
static bool departs(struct sending *sending, int fd, int flags)
{
	sending->call.copy = 0;
	if (!observes(&sending->call, fd, flags, true))
		return false;
	if (capture_is_datagram(&sending->call) && flags & PROBE)
		return false;
	if (capture_is_datagram(&sending->call))
		datagram_depart_begin(&sending->departure, flags);
	return true;
}

/* Of a connection's octets the kernel takes those before a bad address. */
static void depart(struct sending *sending, const struct msghdr *message)
{
	static const struct msghdr none;
	struct capture_call *call = &sending->call;
	size_t size;

	if (capture_is_datagram(call)) {
		datagram_depart(&sending->departure, call, message);
	} else if (call->kind == FD_STREAM) {
		if (!reach_reads(message, sizeof(*message)))
			message = &none;
		reach_iovec(message->msg_iov, message->msg_iovlen, &size);
		connection_depart(call, message, size);
		if (call->copy)
			_pthread_cleanup_push(&sending->cleanup, leave, call);
	}
}

/* Behind it. What was no connection yet may be one now: MSG_FASTOPEN. */
static void land(struct sending *sending, const struct msghdr *message,
		 ssize_t result)
{
	struct capture_call *call = &sending->call;

	if (call->copy)
		_pthread_cleanup_pop(&sending->cleanup, 0);
	if (capture_is_datagram(call))
		datagram_land(&sending->departure, call, result >= 0);
	else if (call->kind == FD_STREAM)
		connection_land(call, call->word, &call->facts,
				result > 0 ? result : 0);
	else
		observe_message(call, message, result);
}

ssize_t io_sendto(const struct real_table *by, int fd, const void *buffer,
		  size_t size, int flags, const struct sockaddr *name,
		  socklen_t name_size)
{
	struct sending sending;
	struct iovec iov = { (void *)buffer, size };
	struct msghdr message = {
		.msg_name = (void *)name,
		.msg_namelen = name ? name_size : 0,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	if (!departs(&sending, fd, flags))
		return by->sendto(fd, buffer, size, flags, name, name_size);
	depart(&sending, &message);
	ssize_t result = by->sendto(fd, buffer, size, flags, name, name_size);
	land(&sending, &message, result);
	return result;
}

ssize_t io_sendmsg(const struct real_table *by, int fd,
		   const struct msghdr *message, int flags)
{
	struct sending sending;

	if (!departs(&sending, fd, flags))
		return by->sendmsg(fd, message, flags);
	depart(&sending, message);
	ssize_t result = by->sendmsg(fd, message, flags);
	land(&sending, message, result);
	return result;
}

ssize_t io_sendmmsg(const struct real_table *by, int fd, struct mmsghdr *vector,
		    unsigned length, int flags)
{
	struct sending sending;

	if (!departs(&sending, fd, flags))
		return by->sendmmsg(fd, vector, length, flags);
	bool datagrams = capture_is_datagram(&sending.call);
	for (unsigned i = 0; datagrams && i < length; i++)
		if (!datagram_depart(&sending.departure, &sending.call,
				     &vector[i].msg_hdr))
			break;
	int result = by->sendmmsg(fd, vector, length, flags);
	if (datagrams)
		datagram_land(&sending.departure, &sending.call,
			      result > 0 ? result : 0);
	else
		observe_vector(&sending.call, vector, result);
	return result;
}

ssize_t io_write(const struct real_table *by, int fd, const void *buffer,
		 size_t size)
{
	struct sending sending;
	struct iovec iov = { (void *)buffer, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!departs(&sending, fd, 0))
		return by->write(fd, buffer, size);
	depart(&sending, &message);
	ssize_t result = by->write(fd, buffer, size);
	land(&sending, &message, result);
	return result;
}

ssize_t io_writev(const struct real_table *by, int fd, const struct iovec *iov,
		  int count)
{
	struct sending sending;
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = count };

	if (!departs(&sending, fd, 0))
		return by->writev(fd, iov, count);
	depart(&sending, &message);
	ssize_t result = by->writev(fd, iov, count);
	land(&sending, &message, result);
	return result;
}

ssize_t io_pwritev2(const struct real_table *by, int fd,
		    const struct iovec *iov, int count, off_t offset, int flags)
{
	struct sending sending;
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = count };

	if (offset != -1 || !departs(&sending, fd, 0))
		return by->pwritev2(fd, iov, count, offset, flags);
	depart(&sending, &message);
	ssize_t result = by->pwritev2(fd, iov, count, offset, flags);
	land(&sending, &message, result);
	return result;
}

ssize_t io_sendfile(const struct real_table *by, int out, int in, off_t *offset,
		    size_t count)
{
	struct capture_call call;
	bool observed = capture_enter(&call, out, true);
	ssize_t result = by->sendfile(out, in, offset, count);

	if (observed && result > 0)
		capture_give_up(&call);
	return result;
}

ssize_t io_splice(const struct real_table *by, int in, off64_t *in_offset,
		  int out, off64_t *out_offset, size_t size, unsigned flags)
{
	struct capture_call from, to;
	bool received = capture_enter(&from, in, false);
	bool sent = capture_enter(&to, out, true);
	ssize_t result =
		by->splice(in, in_offset, out, out_offset, size, flags);

	if (received && result > 0)
		capture_give_up(&from);
	if (sent && result > 0)
		capture_give_up(&to);
	return result;
}

static bool is_zero(const void *value, socklen_t size)
{
	int zero;

	if (size < sizeof(zero) || !reach_reads(value, sizeof(zero)))
		return false;
	memcpy(&zero, value, sizeof(zero));
	return !zero;
}

ssize_t io_setsockopt(const struct real_table *by, int fd, int level, int name,
		      const void *value, socklen_t size)
{
	struct sending sending;

	if (level != SOL_UDP || !departs(&sending, fd, 0) ||
	    !capture_is_datagram(&sending.call))
		return by->setsockopt(fd, level, name, value, size);
	if (name == UDP_CORK && is_zero(value, size))
		datagram_uncork(&sending.departure, &sending.call);
	int result = by->setsockopt(fd, level, name, value, size);
	datagram_land(&sending.departure, &sending.call,
		      result ? 0 : sending.departure.messages);
	if (!result)
		capture_forget(fd);
	return result;
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

int recvmmsg(int fd, struct mmsghdr *vector, unsigned length, int flags,
	     struct timespec *timeout)
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

int sendmmsg(int fd, struct mmsghdr *vector, unsigned int length, int flags)
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
