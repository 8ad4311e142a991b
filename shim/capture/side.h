/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of a connection in the fd table: whose it is, and who is at it.
 */
#pragma once

#include "shim/capture/capture.h"

/* NULL: the fd table has no room for it. */
struct fd_stream *side_of(const struct capture_call *call);

/* Takes this direction of the connection that `state` is of, and what was kept of
 * an earlier one. Returns false if somebody has it locked, or if the number has become
 * another socket's. */
bool side_try_lock(struct fd_stream *side, uint64_t state,
		   struct stream *stream);

void side_unlock(struct fd_stream *side, uint64_t state,
		 const struct stream *stream);

/* Whoever has it locked: it is `stream` from now on, which holds nothing. */
void side_set(struct fd_stream *side, uint64_t state,
	      const struct stream *stream);

/* The state of the stream that the call's octets are of; STREAM_BEGINS where it will
 * begin with them, or somebody has it locked. */
enum stream_state side_now(struct fd_stream *side,
			   const struct capture_call *call);
