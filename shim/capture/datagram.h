/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams that cross a socket.
 */
#pragma once

#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"

/* One receiving call took `size` octets. The message is as the real call left it,
 * but for msg_namelen, which is what there is of the name. */
void datagram_arrived(const struct capture_call *call,
		      const struct msghdr *message, size_t size);

/* So many messages of one call are followed. */
#define DATAGRAM_CALL_MAX 64

/*
 * One call that sends. What it sends is copied before it, so nothing that the
 * host gave has been looked at by the kernel yet: what cannot be read is left
 * out, and will make the call fail.
 */
struct datagram_departure {
	struct enqueue_flight flight;
	struct cork *cork; /* of the datagram that the call goes on with */
	bool more;         /* MSG_MORE */
	bool leaves;       /* the call is the end of that datagram */
	bool lost;         /* but it cannot be logged */
	bool unfollowed;   /* there is no room for it */
	uint32_t malformed;
	uint32_t messages;

	/* Of the flight, and malformed, up to the end of each message: one may
	 * leave as several datagrams. */
	struct {
		uint32_t logged, malformed;
	} end[DATAGRAM_CALL_MAX];
};

void datagram_depart_begin(struct datagram_departure *departure, int flags);

/* Returns false if the call can get no further than this message. */
bool datagram_depart(struct datagram_departure *departure,
		     const struct capture_call *call,
		     const struct msghdr *message);

/* What the socket holds back leaves as a message: it is uncorked. */
void datagram_uncork(struct datagram_departure *departure,
		     const struct capture_call *call);

/* `count` messages have left. */
void datagram_land(struct datagram_departure *departure,
		   struct capture_call *call, size_t count);
