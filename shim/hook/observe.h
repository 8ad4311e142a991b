/* SPDX-License-Identifier: Apache-2.0
 *
 * From the shapes in which calls carry messages to the one that capture takes.
 * A call that moved no octet, or failed, is of no interest.
 */
#pragma once

#include "shim/base/clock.h"
#include "shim/capture/capture.h"

/* MSG_PEEK shows what will be read again, the other two are no DNS. */
#define OBSERVE_NOT (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)

static inline bool observes_flags(int fd, int flags, bool sent)
{
	return !(flags & OBSERVE_NOT) &&
	       (sent || !(flags & MSG_TRUNC && capture_discards(fd)));
}

static inline bool observes(struct capture_call *call, int fd, int flags,
			    bool sent)
{
	return observes_flags(fd, flags, sent) && capture_enter(call, fd, sent);
}

static inline void observe_message(struct capture_call *call,
				   const struct msghdr *message, ssize_t result)
{
	if (result <= 0)
		return;
	if (!call->sent)
		call->stamp_ns = clock_steady();
	capture_message(call, message, result);
}

static inline void observe_buffer(struct capture_call *call, const void *buffer,
				  size_t size, ssize_t result, const void *name,
				  socklen_t name_size)
{
	struct iovec iov = { (void *)buffer, size };
	struct msghdr message = {
		.msg_name = (void *)name,
		.msg_namelen = name ? name_size : 0,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	/* The caller asked for a datagram's real length with MSG_TRUNC. */
	if (result > 0 && (size_t)result > size)
		message.msg_flags = MSG_TRUNC;
	observe_message(call, &message, result);
}

static inline void observe_iovec(struct capture_call *call,
				 const struct iovec *iov, int count,
				 ssize_t result)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = count,
	};

	observe_message(call, &message, result);
}

/* Several messages of one call share its time. */
static inline void observe_vector(struct capture_call *call,
				  const struct mmsghdr *vector, int result)
{
	if (result > 0 && !call->sent)
		call->stamp_ns = clock_steady();
	for (int i = 0; i < result; i++)
		if (vector[i].msg_len)
			capture_message(call, &vector[i].msg_hdr,
					vector[i].msg_len);
}
