/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that cross a TCP connection.
 *
 * Calls that follow each other are one stream. Calls of several threads at one
 * time have no order that could be known; a program that makes them sends whole
 * messages by each, as nobody could read them otherwise, and they are taken as
 * such.
 */
#pragma once

#include "shim/capture/capture.h"

/* `size` octets (> 0) of one direction of the connection that the fd was when its
 * state was `state`. */
void connection_crossed(const struct capture_call *call, uint64_t state,
			const struct fd_info *info,
			const struct msghdr *message, size_t size);

/*
 * The same of a call that sends. Its octets are the host's again the moment they
 * have left, so they are copied before it: the first `total` of `message`'s, all
 * of which can be read. `call` lies on the stack. Behind it, `size` of them (0: it failed) are what
 * crossed. connection_land() is to be called always, unless the call never
 * returns: that is noticed, and the copy given back, when this thread sends again.
 */
void connection_depart(struct capture_call *call, const struct msghdr *message,
		       size_t total);
void connection_land(struct capture_call *call, uint64_t state,
		     const struct fd_info *info, size_t size);

/* In the place of connection_land(), where the call's thread ends in it. Does
 * nothing behind that. */
void connection_leave(struct capture_call *call);

/* Octets of the call crossed the connection that nobody looks at, in a way that
 * tells nothing of the stream's place behind them. That direction is not followed
 * any further: this call and each later one is counted as a drop. */
void connection_give_up(const struct capture_call *call, uint64_t state);
