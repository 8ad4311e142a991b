/* SPDX-License-Identifier: Apache-2.0
 *
 * From the shapes in which calls carry messages to the one that capture takes.
 */
#pragma once

#include "shim/base/clock.h"
#include "shim/capture/capture.h"

/* Received: MSG_PEEK shows what will be read again, the other two are no DNS. Sent, all
 * octets cross; urgent ones, too. */
#define OBSERVE_NOT (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)

/* Before the real call. */
static inline bool observes(struct capture_call *call, int fd, int flags,
			    bool sent)
{
	if ((!sent && flags & OBSERVE_NOT) || !capture_enter(call, fd, sent))
		return false;
	if (!sent && flags & MSG_TRUNC)
		call->unwritten = true;
	return true;
}

/* What the host is given, at the end of an observed call. */
static inline ssize_t observed_result(ssize_t result)
{
	capture_leave();
	return result;
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

/* What was received into the octets of `message`'s vector by a call that does not
 * tell whether a datagram was cut: nobody knows if it fills all the room; nor of
 * how many it is made. */
static inline void observe_octets(struct capture_call *call,
				  struct msghdr *message, ssize_t result)
{
	size_t room = 0;

	if (result > 0 && capture_is_datagram(call)) {
		for (size_t i = 0; i < (size_t)message->msg_iovlen; i++)
			room += message->msg_iov[i].iov_len;
		if ((size_t)result >= room)
			message->msg_flags = MSG_TRUNC;
		message->msg_flags |= MSG_CTRUNC;
	}
	observe_message(call, message, result);
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
