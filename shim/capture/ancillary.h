/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in a message's control data. Looks through msg_controllen octets.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "proto/address.h"

/*
 * Looks for IP_PKTINFO or IPV6_PKTINFO (RFC 3542 6): the destination of a received
 * message (ipi_addr), the source asked for a sent one (ipi_spec_dst). Assigns the
 * octets and family of *local, which is the socket's, not its port, and returns true
 * if an address stands there that is no wildcard.
 */
bool ancillary_local(const struct msghdr *message, bool sent,
		     struct address *local);

/* Whether a sent message is told which way to go: by its PKTINFO, or a mark of its own. */
bool ancillary_routes(const struct msghdr *message);

/* The size in octets of each of the datagrams that the message is of, but for the
 * last: UDP_SEGMENT of a sent one, UDP_GRO of a received one. 0: it is one. */
size_t ancillary_segment(const struct msghdr *message);

/* Whether there may have been no room for it: it comes before what is told of IP. */
bool ancillary_lacks_segment(const struct msghdr *message);

/* Calls `each` with the fds that came along: SCM_RIGHTS (unix(7)). */
void ancillary_fds(const struct msghdr *message, void (*each)(int fd));
