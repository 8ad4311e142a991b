/* SPDX-License-Identifier: Apache-2.0
 *
 * From the shapes in which calls carry messages to the one that capture takes.
 * A call that moved no octet, or failed, is of no interest. A time of 0 means
 * now: a sent message's time is taken before the call, since another thread may
 * read the answer to it before the call returns.
 */
#pragma once

#include "shim/base/clock.h"
#include "shim/capture/capture.h"

/* MSG_PEEK shows what will be read again, the other two are no DNS. */
#define OBSERVE_NOT (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)

static inline bool observes(int fd, int flags)
{
	return !(flags & OBSERVE_NOT) && capture_watches(fd) &&
	       !(flags & MSG_TRUNC && capture_discards(fd));
}

static inline void observe_message(int fd, uint64_t word, bool sent,
				   uint64_t time_ns,
				   const struct msghdr *message, ssize_t result)
{
	if (result > 0)
		capture_message(fd, word, sent, time_ns ?: clock_wall(),
				message, result);
}

static inline void observe_buffer(int fd, uint64_t word, bool sent,
				  uint64_t time_ns, const void *buffer,
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
	observe_message(fd, word, sent, time_ns, &message, result);
}

static inline void observe_iovec(int fd, uint64_t word, bool sent,
				 uint64_t time_ns, const struct iovec *iov,
				 int count, ssize_t result)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = count,
	};

	observe_message(fd, word, sent, time_ns, &message, result);
}

static inline void observe_vector(int fd, uint64_t word, bool sent,
				  uint64_t time_ns,
				  const struct mmsghdr *vector, int result)
{
	if (result > 0 && !time_ns)
		time_ns = clock_wall();
	for (int i = 0; i < result; i++)
		observe_message(fd, word, sent, time_ns, &vector[i].msg_hdr,
				vector[i].msg_len);
}
