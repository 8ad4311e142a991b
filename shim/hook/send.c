/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that send.
 */
#include "shim/hook/io.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "shim/base/reach.h"
#include "shim/capture/connection.h"
#include "shim/capture/datagram.h"
#include "shim/capture/departed.h"
#include "shim/capture/socket_info.h"
#include "shim/hook/libc.h"
#include "shim/hook/observe.h"

/* MSG_PROBE of the kernel's: a datagram is looked at, and not sent. */
#define PROBE 0x10

struct sending {
	struct capture_call call;
	struct datagram_departure departure;
	struct libc_cleanup cleanup; /* while there is a copy */
};

_Static_assert(sizeof(struct sending) >= THREAD_DEPTH,
	       "a call within the real call is told from one after a jump");

/* The real call is a cancellation point, and then this is all that runs. */
static void leave(void *call)
{
	departed_end(call);
}

/* Before the real call. Returns false if it is of no interest. */
static bool departs(struct sending *sending, int fd, int flags)
{
	sending->call.copy = 0;
	if (!observes(&sending->call, fd, flags, true))
		return false;
	if (capture_is_datagram(&sending->call) && flags & PROBE) {
		capture_leave();
		return false;
	}
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
	} else if (fd_is_stream(call->kind)) {
		if (!reach_reads(message, sizeof(*message)))
			message = &none;
		reach_iovec(message->msg_iov, message->msg_iovlen, &size);
		departed_copy(call, message, size);
		if (call->copy)
			libc_cleanup_push(&sending->cleanup, leave, call);
	}
}

/* Behind it. What was no connection yet may be one now: MSG_FASTOPEN. */
static void land(struct sending *sending, const struct msghdr *message,
		 ssize_t result)
{
	struct capture_call *call = &sending->call;

	if (call->copy)
		libc_cleanup_pop(&sending->cleanup);
	if (capture_is_datagram(call))
		datagram_land(&sending->departure, call, result >= 0);
	else if (fd_is_stream(call->kind))
		connection_land(call, result > 0 ? result : 0);
	else
		observe_message(call, message, result);
	capture_leave();
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

/* Of what the kernel has to take if it is to go on behind it. SIZE_MAX: it cannot
 * read all of that. Before the call: behind it the octets may be another's. */
static size_t whole_size(const struct msghdr *message)
{
	size_t size;

	return reach_reads(message, sizeof(*message)) &&
			       reach_iovec(message->msg_iov,
					   message->msg_iovlen, &size)
		       ? size
		       : SIZE_MAX;
}

/* A connection's messages, one at a time: each may be taken in part. */
static int send_octets(struct sending *sending, const struct real_table *by,
		       struct mmsghdr *vector, int flags, bool *goes_on)
{
	size_t size = whole_size(&vector->msg_hdr);

	depart(sending, &vector->msg_hdr);
	int result = by->sendmmsg(sending->call.fd, vector, 1, flags);
	*goes_on = result == 1 && vector->msg_len >= size;
	land(sending, &vector->msg_hdr,
	     result > 0 ? (ssize_t)vector->msg_len : -1);
	return result;
}

static int send_datagrams(struct sending *sending, const struct real_table *by,
			  struct mmsghdr *vector, unsigned length, int flags)
{
	for (unsigned i = 0; i < length; i++)
		if (!datagram_depart(&sending->departure, &sending->call,
				     &vector[i].msg_hdr))
			break;
	int result = by->sendmmsg(sending->call.fd, vector, length, flags);
	datagram_land(&sending->departure, &sending->call,
		      result > 0 ? result : 0);
	capture_leave();
	return result;
}

/* As many of a vector as can be followed at once. *goes_on: whether the kernel
 * would go on behind them. */
static int send_some(const struct real_table *by, int fd,
		     struct mmsghdr *vector, unsigned length, int flags,
		     bool *goes_on)
{
	struct sending sending;
	int result;

	*goes_on = false;
	if (!length || !departs(&sending, fd, flags))
		return by->sendmmsg(fd, vector, length, flags);
	if (capture_is_datagram(&sending.call)) {
		if (length > DATAGRAM_CALL_MAX)
			length = DATAGRAM_CALL_MAX;
		result = send_datagrams(&sending, by, vector, length, flags);
		*goes_on = result == (int)length;
	} else {
		result = send_octets(&sending, by, vector, flags, goes_on);
	}
	return result;
}

/* To the kernel, too, a vector is a message after the other, up to the first that
 * fails; then those before it count. */
ssize_t io_sendmmsg(const struct real_table *by, int fd, struct mmsghdr *vector,
		    unsigned length, int flags)
{
	unsigned sent = 0, most = length < IOV_MAX ? length : IOV_MAX;
	int before = errno, result;
	bool goes_on;

	do {
		result = send_some(by, fd, vector + sent, most - sent, flags,
				   &goes_on);
		sent += result > 0 ? result : 0;
	} while (goes_on && sent < most);
	if (!sent)
		return result;
	if (result < 0) /* else it is as libc has left it */
		errno = before;
	return sent;
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
	if (observed)
		capture_leave();
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
	if (received || sent)
		capture_leave();
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

	if (level != SOL_UDP || !departs(&sending, fd, 0)) {
		int result = by->setsockopt(fd, level, name, value, size);
		if (!result && socket_info_routes(level, name))
			capture_routed(fd);
		return result;
	}
	if (!capture_is_datagram(&sending.call)) {
		capture_leave();
		return by->setsockopt(fd, level, name, value, size);
	}
	if (name == UDP_CORK && is_zero(value, size))
		datagram_uncork(&sending.departure, &sending.call);
	int result = by->setsockopt(fd, level, name, value, size);
	datagram_land(&sending.departure, &sending.call,
		      result ? 0 : sending.departure.messages);
	capture_leave();
	if (!result)
		capture_options(fd);
	return result;
}
