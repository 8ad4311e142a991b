/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of what a call is about to send over a connection: its octets are the host's
 * again the moment they have left. Each thread has its own; async-signal-safe.
 */
#pragma once

#include "shim/capture/capture.h"

/* Before the call: copies the first `total` octets of `message`'s, all of which can be
 * read, as call->copy; none where the connection is not followed any more, or memory
 * lacks. `call` lies on the stack. connection_land() is to be called always, unless
 * the call never returns: that is noticed, and the copy given back, when this
 * thread sends again. */
void departed_copy(struct capture_call *call, const struct msghdr *message,
		   size_t total);

/* What was copied; nothing if it is gone. */
struct octets departed_octets(const struct capture_call *call,
			      struct iovec iov[CHAIN_BLOCKS]);

/* Gives it back. Does nothing behind that. */
void departed_end(struct capture_call *call);

/* Gives back all of this thread's, which ends. */
void departed_end_all(void);
