/* SPDX-License-Identifier: Apache-2.0
 *
 * The local address of one datagram, where its control data have it.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "shim/base/address.h"

/*
 * Looks through msg_controllen octets for IP_PKTINFO or IPV6_PKTINFO (RFC 3542
 * 6): the destination of a received message (ipi_addr), the source asked for a
 * sent one (ipi_spec_dst). Assigns the octets and family of *local, not its
 * port, and returns true if an address stands there that is no wildcard.
 */
bool control_local(const struct msghdr *message, bool sent,
		   struct address *local);
