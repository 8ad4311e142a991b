/* SPDX-License-Identifier: Apache-2.0
 *
 * From the shapes in which calls carry messages to the one that capture takes.
 */
#pragma once

#include "shim/base/clock.h"
#include "shim/capture/capture.h"

/* MSG_PEEK shows what will be read again, the other two are no DNS. */
#define OBSERVE_NOT (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)

/* Before the real call. */
static inline bool observes(struct capture_call *call, int fd, int flags,
			    bool sent)
{
	if (flags & OBSERVE_NOT || !capture_enter(call, fd, sent))
		return false;
	if (sent || !(flags & MSG_TRUNC) || capture_is_datagram(call))
		return true;
	capture_give_up(call);
	return false;
}

/* A call that failed, or carried nothing, is of no interest. With no room for a
 * single octet a datagram goes by all the same. */
static inline bool observe_carried(const struct capture_call *call,
				   const struct msghdr *message, ssize_t result)
{
	return result > 0 ||
	       (!result && !call->sent && message->msg_flags & MSG_TRUNC);
}

static inline void observe_message(struct capture_call *call,
				   const struct msghdr *message, ssize_t result)
{
	if (!observe_carried(call, message, result))
		return;
	if (!call->sent)
		call->stamp_ns = clock_steady();
	capture_message(call, message, result);
}

/* Without a name: of a connection, or of a datagram that was received as it stands.
 * If that fills all the room there is, nobody can tell whether it was whole. */
static inline void observe_iovec(struct capture_call *call,
				 const struct iovec *iov, size_t count,
				 ssize_t result)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = count,
	};
	size_t room = 0;

	if (result > 0 && !call->sent && capture_is_datagram(call)) {
		for (size_t i = 0; i < count; i++)
			room += iov[i].iov_len;
		if ((size_t)result >= room)
			message.msg_flags = MSG_TRUNC;
	}
	observe_message(call, &message, result);
}

static inline void observe_buffer(struct capture_call *call, const void *buffer,
				  size_t size, ssize_t result)
{
	struct iovec iov = { (void *)buffer, size };

	observe_iovec(call, &iov, 1, result);
}

/* Several messages of one call share its time. */
static inline void observe_vector(struct capture_call *call,
				  const struct mmsghdr *vector, int result)
{
	if (result > 0 && !call->sent)
		call->stamp_ns = clock_steady();
	for (int i = 0; i < result; i++)
		if (observe_carried(call, &vector[i].msg_hdr,
				    vector[i].msg_len))
			capture_message(call, &vector[i].msg_hdr,
					vector[i].msg_len);
}
