/* SPDX-License-Identifier: Apache-2.0
 *
 * Receiving with storage of our own.
 */
#include "shim/hook/receive.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>

#include "shim/base/reach.h"
#include "shim/hook/observe.h"

/* As many messages at a time get storage of ours. */
#define PIECE 16

/* UDP_GRO and either PKTINFO, and all that the kernel puts before them where the
 * host has switched it on: of SO_RXQ_OVFL, SO_TIMESTAMP or its like, both of
 * SO_TIMESTAMPING, SO_WIFI_STATUS, SO_RCVMARK and SO_RCVPRIORITY. */
#define CONTROL_ROOM                                                           \
	(CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(16) + CMSG_SPACE(3 * 16) +  \
	 CMSG_SPACE(4 * sizeof(uint32_t)) + 3 * CMSG_SPACE(sizeof(uint32_t)) + \
	 CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

static socklen_t least(socklen_t a, socklen_t b)
{
	return a < b ? a : b;
}

/* What there is of a name that was received into `room` octets. */
static struct msghdr view_of(const struct msghdr *message, socklen_t room)
{
	struct msghdr view = *message;

	view.msg_namelen = least(view.msg_namelen, room);
	return view;
}

bool receive_can_name(const struct capture_call *call, struct sockaddr *name,
		      socklen_t *size)
{
	return reach_writes(call->fd, size, sizeof(*size)) && (int)*size >= 0 &&
	       reach_writes(call->fd, name, least(*size, call->info.name_size));
}

/* As the kernel does it, but that the room is looked at before the call: what
 * could be written then can be written now. */
static void give_name(struct sockaddr *to, socklen_t *size, socklen_t room,
		      const struct msghdr *ours)
{
	socklen_t given = least(room, ours->msg_namelen);

	if (given == sizeof(struct sockaddr_in)) /* nearly always: inline */
		__builtin_memcpy(to, ours->msg_name,
				 sizeof(struct sockaddr_in));
	else
		memcpy(to, ours->msg_name, given);
	*size = ours->msg_namelen;
}

ssize_t receive_octets(struct capture_call *call, const struct real_table *by,
		       const struct iovec *iov, size_t count, int flags,
		       struct sockaddr *name, socklen_t *name_size)
{
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_ROOM];
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = count,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	socklen_t room = name ? least(*name_size, call->info.name_size) : 0;
	/* The highest flag recvmsg refuses, and the others pay no heed to. */
	ssize_t result = by->recvmsg(call->fd, &message, flags & INT_MAX);

	if (result < 0)
		return result;
	observe_message(call, &message, result);
	if (name)
		give_name(name, name_size, room, &message);
	return result;
}

/* Whether the host gave room for any name that there can be. One is needed of a
 * connected socket, too: what it has received before it was connected, it hands out
 * behind that (connect(2)). */
static bool is_roomy(const struct capture_call *call, struct msghdr *message)
{
	return message->msg_name &&
	       message->msg_namelen >= call->info.name_size;
}

/* Whether our storage can take the place of the host's, into which everything is
 * handed back. */
static bool is_replaceable(const struct capture_call *call,
			   struct msghdr *message)
{
	return reach_writes(call->fd, message, sizeof(*message)) &&
	       (!message->msg_name || receive_can_name(call, message->msg_name,
						       &message->msg_namelen));
}

/* A name that is received instead of the host's, and where it belongs. */
struct replaced {
	struct sockaddr_in6 name; /* the longest there is */
	struct sockaddr *host;
	socklen_t room;
};

static struct msghdr replace(struct replaced *replaced,
			     const struct msghdr *host)
{
	struct msghdr ours = *host;

	replaced->host = host->msg_name;
	replaced->room = host->msg_namelen;
	ours.msg_name = &replaced->name;
	ours.msg_namelen = sizeof(replaced->name);
	return ours;
}

static void hand_back(const struct replaced *replaced,
		      const struct msghdr *ours, struct msghdr *host)
{
	if (replaced->host)
		give_name(replaced->host, &host->msg_namelen, replaced->room,
			  ours);
	host->msg_flags = ours->msg_flags;
	host->msg_controllen = ours->msg_controllen;
}

static ssize_t receive_as_is(struct capture_call *call,
			     const struct real_table *by, struct msghdr *host,
			     int flags)
{
	socklen_t room = host->msg_namelen;
	ssize_t result = by->recvmsg(call->fd, host, flags);

	if (result >= 0) {
		struct msghdr view = view_of(host, room);

		observe_message(call, &view, result);
	}
	return result;
}

ssize_t receive_message(struct capture_call *call, const struct real_table *by,
			struct msghdr *host, int flags)
{
	struct replaced replaced;

	if (!reach_reads(host, sizeof(*host)))
		return by->recvmsg(call->fd, host, flags);
	if (is_roomy(call, host) || !is_replaceable(call, host))
		return receive_as_is(call, by, host, flags);
	struct msghdr ours = replace(&replaced, host);
	ssize_t result = by->recvmsg(call->fd, &ours, flags);
	if (result < 0)
		return result;
	observe_message(call, &ours, result);
	hand_back(&replaced, &ours, host);
	return result;
}

/* The ways of a vector. */

typedef int way(struct capture_call *call, const struct real_table *by,
		struct mmsghdr *vector, unsigned length, int flags,
		struct timespec *timeout);

static int receive_roomy(struct capture_call *call, const struct real_table *by,
			 struct mmsghdr *vector, unsigned length, int flags,
			 struct timespec *timeout)
{
	int result = by->recvmmsg(call->fd, vector, length, flags, timeout);

	observe_vector(call, vector, result);
	return result;
}

static int receive_unnamed(struct capture_call *call,
			   const struct real_table *by, struct mmsghdr *vector,
			   unsigned length, int flags, struct timespec *timeout)
{
	int result = by->recvmmsg(call->fd, vector, length, flags, timeout);

	if (result > 0)
		call->stamp_ns = clock_steady();
	for (int i = 0; i < result; i++) {
		struct msghdr view = view_of(&vector[i].msg_hdr, 0);

		if (observe_carried(call, &view, vector[i].msg_len))
			capture_message(call, &view, vector[i].msg_len);
	}
	return result;
}

static int receive_replaced(struct capture_call *call,
			    const struct real_table *by, struct mmsghdr *vector,
			    unsigned length, int flags,
			    struct timespec *timeout)
{
	struct replaced replaced[PIECE];
	struct mmsghdr ours[PIECE];

	for (unsigned i = 0; i < length; i++)
		ours[i].msg_hdr = replace(&replaced[i], &vector[i].msg_hdr);
	int result = by->recvmmsg(call->fd, ours, length, flags, timeout);
	observe_vector(call, ours, result);
	for (int i = 0; i < result; i++) {
		hand_back(&replaced[i], &ours[i].msg_hdr, &vector[i].msg_hdr);
		vector[i].msg_len = ours[i].msg_len;
	}
	return result;
}

typedef bool test(const struct capture_call *call, struct msghdr *message);

static bool are_all(test *passes, const struct capture_call *call,
		    struct mmsghdr *vector, unsigned length)
{
	if (!reach_reads(vector, length * sizeof(*vector)))
		return false;
	for (unsigned i = 0; i < length; i++)
		if (!passes(call, &vector[i].msg_hdr))
			return false;
	return true;
}

/* To the kernel, too, a vector is a message after the other, and less than is
 * asked for is the end; the time that is left stands in *timeout. */
static int receive_in_pieces(struct capture_call *call,
			     const struct real_table *by,
			     struct mmsghdr *vector, unsigned length, int flags,
			     struct timespec *timeout)
{
	unsigned piece, received = 0;
	int result, before = errno;

	do {
		struct mmsghdr *at = vector + received;

		piece = least(length - received, PIECE);
		way *receive = are_all(is_replaceable, call, at, piece)
				       ? receive_replaced
				       : receive_unnamed;
		result = receive(call, by, at, piece, flags, timeout);
		if (result < 0)
			break;
		received += result;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
	} while (result == (int)piece && received < length &&
		 !(timeout && !timeout->tv_sec && !timeout->tv_nsec));
	if (!received)
		return result;
	errno = before;
	return received;
}

int receive_vector(struct capture_call *call, const struct real_table *by,
		   struct mmsghdr *vector, unsigned length, int flags,
		   struct timespec *timeout)
{
	if (length > IOV_MAX)
		length = IOV_MAX; /* so does the kernel */
	way *receive = are_all(is_roomy, call, vector, length)
			       ? receive_roomy
			       : receive_in_pieces;
	return receive(call, by, vector, length, flags, timeout);
}
