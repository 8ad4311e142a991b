/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams that are put together by several calls: MSG_MORE and UDP_CORK (udp(7)).
 * Few programs know of it, so there is room for few of them, in memory of its own
 * that a forked child has a copy of and a core dump has not. Lock-free; async-signal-safe.
 */
#pragma once

#include "shim/capture/capture.h"

#define CORKS        8
#define CORK_MAX     4096
#define CORK_CONTROL 256

struct cork {
	_Atomic uint64_t
		socket; /* whose: the state, with the fd; 0: nobody's */
	_Atomic uint64_t filled_by; /* to whom belongs what follows */
	_Atomic uint64_t lost_by;   /* too long, or two threads were at it */
	_Atomic uint64_t locked_by;
	_Atomic uint32_t size;
	/* What the first call gave: it holds for all. */
	socklen_t name_size;
	size_t control_size;
	struct sockaddr_storage name;
	_Alignas(struct cmsghdr) uint8_t control[CORK_CONTROL];
	uint8_t octets[CORK_MAX];
};

extern _Atomic int cork_count;

/* Before all else. */
void cork_begin(void);

/* What there is of the socket's next datagram; `begin`: even if that is nothing.
 * Returns NULL if there is none, or no room for it. */
struct cork *cork_of(const struct capture_call *call, bool begin);

/* All that the message points to can be read: `size` octets. */
void cork_add(struct cork *cork, const struct capture_call *call,
	      const struct msghdr *message, size_t size);

/* What has been added is not all of it, or not in that order. */
bool cork_is_lost(const struct cork *cork, const struct capture_call *call);

/* It has left, or come to nothing. */
void cork_end(struct cork *cork, const struct capture_call *call);

/* Of each that there is something may have been sent that was not added. */
void cork_lose(void);
