/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream is taken out of its word, and put back.
 */
#include "shim/capture/side.h"

#include "shim/capture/enqueue.h"

struct fd_stream *side_of(const struct capture_call *call)
{
	struct fd_entry *entry = fdtable_entry(call->fd);

	return entry ? &entry->stream[call->sent] : NULL;
}

static uint64_t side_state(uint64_t state, uint32_t rest)
{
	return (state & 0xffffffff00000000) | rest;
}

/* How many sockets later the stream's is. */
static int32_t newer(uint64_t side, uint64_t state)
{
	return (int32_t)((side >> 32) - (state >> 32));
}

/* What a side has held to its end, nobody has told what it was. */
static void end(const struct stream *stream)
{
	if (stream->state == STREAM_HELD)
		enqueue_count_drop(DROP_STREAM, 1);
	stream_end(stream);
}

bool side_try_lock(struct fd_stream *side, uint64_t state,
		   struct stream *stream)
{
	uint64_t found = atomic_load(&side->state);

	do
		if (newer(found, state) > 0 ||
		    (fd_same_socket(found, state) && found & FD_STREAM_LOCKED))
			return false;
	while (!atomic_compare_exchange_weak(
		&side->state, &found, side_state(state, FD_STREAM_LOCKED)));
	if (fd_same_socket(found, state)) {
		*stream = stream_unpack(found);
		return true;
	}
	/* What an earlier owner has locked he gives back himself. */
	if (!(found & FD_STREAM_LOCKED)) {
		*stream = stream_unpack(found);
		end(stream);
	}
	*stream = (struct stream){ .state = STREAM_BEGINS };
	return true;
}

void side_unlock(struct fd_stream *side, uint64_t state,
		 const struct stream *stream)
{
	uint64_t locked = side_state(state, FD_STREAM_LOCKED);

	if (!atomic_compare_exchange_strong(
		    &side->state, &locked,
		    side_state(state, stream_pack(stream))))
		end(stream);
}

void side_set(struct fd_stream *side, uint64_t state,
	      const struct stream *stream)
{
	uint64_t found = atomic_load(&side->state);

	do
		if (newer(found, state) > 0)
			return;
	while (!atomic_compare_exchange_weak(
		&side->state, &found, side_state(state, stream_pack(stream))));
	if (!(found & FD_STREAM_LOCKED)) {
		struct stream before = stream_unpack(found);

		end(&before);
	}
}

enum stream_state side_now(struct fd_stream *side,
			   const struct capture_call *call)
{
	uint64_t found = atomic_load(&side->state);
	struct stream stream = stream_unpack(found);

	if (!fd_same_socket(found, call->state) || found & FD_STREAM_LOCKED ||
	    (stream.clear != capture_is_clear(call) &&
	     stream.state != STREAM_LOST))
		return STREAM_BEGINS;
	return stream.state;
}
