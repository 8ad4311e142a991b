/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that cross a TCP connection, or the clear text of a TLS connection.
 *
 * Calls that follow each other are one stream. Calls of several threads at one
 * time have no order that could be known; a program that makes them sends whole
 * messages by each, as nobody could read them otherwise, and they are taken as
 * such.
 */
#pragma once

#include "shim/capture/capture.h"

/* `size` octets (> 0) of one direction of the connection that the call's fd was when
 * its state was call->state. */
void connection_crossed(const struct capture_call *call,
			const struct msghdr *message, size_t size);

/* The same of a call that sends, behind departed_copy(): `size` of those octets (0: it
 * failed) are what crossed. Ends the copy. */
void connection_land(struct capture_call *call, size_t size);

/* Octets of the call crossed the connection that nobody looks at, in a way that
 * tells nothing of the stream's place behind them. That direction is not followed
 * any further: this call and each later one is counted as a drop. */
void connection_give_up(const struct capture_call *call);

/* Octets of a connection that the fd may be have crossed, or will, and nobody looks: it
 * is not followed any further, from its next call on. */
void connection_lose(int fd);

/* The same of one direction. */
void connection_lose_side(int fd, bool sent);
