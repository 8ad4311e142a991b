/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain for each call, linked by the notes in them.
 */
#include "shim/capture/departed.h"

#include "shim/capture/side.h"

/* The copies of this thread's calls that have not returned, the last one made
 * first. More than one where a signal handler sends, or has jumped. */
static _Thread_local pool_block departed;
static _Thread_local uint64_t serial;

/* Gives back what calls have left behind that never returned: their frames were
 * where this one is, or deeper. */
static void sweep(uintptr_t frame)
{
	/* A handler may have a stack of its own, which tells nothing of the
	 * others'. */
	while (departed && chain_note(departed)->frame <= frame &&
	       thread_room() == SIZE_MAX) {
		pool_block left = departed;
		departed = chain_note(left)->previous;
		chain_give(left);
	}
}

static bool is_followed(const struct capture_call *call)
{
	struct fd_stream *side = side_of(call);
	enum stream_state state = side ? side_now(side, call) : STREAM_LOST;

	return state != STREAM_LOST && state != STREAM_IGNORED;
}

void departed_copy(struct capture_call *call, const struct msghdr *message,
		   size_t total)
{
	sweep((uintptr_t)call);
	call->copy = total && is_followed(call) ? chain_new() : 0;
	if (!call->copy)
		return;
	/* Not before: where there is nothing to copy it may be a bad pointer. */
	struct octets octets = { .iov = message->msg_iov, .left = total };
	struct chain_note *note = chain_note(call->copy);
	note->frame = (uintptr_t)call;
	note->previous = departed;
	note->serial = call->copy_serial = ++serial;
	departed = call->copy;
	chain_append(call->copy, &octets,
		     total < CHAIN_MAX ? total : CHAIN_MAX);
}

/* False: a sweep on some other stack has taken it for one left behind. */
static bool still_there(const struct capture_call *call)
{
	pool_block one = departed;

	while (one && one != call->copy)
		one = chain_note(one)->previous;
	return one && chain_note(one)->serial == call->copy_serial;
}

/* Ends the copy, and those that handlers have left which jumped back into the
 * call. */
static void give_back(pool_block copy)
{
	pool_block one;

	do {
		one = departed;
		departed = chain_note(one)->previous;
		chain_give(one);
	} while (one != copy);
}

struct octets departed_octets(const struct capture_call *call,
			      struct iovec iov[CHAIN_BLOCKS])
{
	if (call->copy && still_there(call))
		return chain_octets(call->copy, iov);
	return (struct octets){ .left = 0 };
}

void departed_end(struct capture_call *call)
{
	if (call->copy && still_there(call))
		give_back(call->copy);
	call->copy = 0;
}

void departed_end_all(void)
{
	while (departed) {
		pool_block left = departed;

		departed = chain_note(left)->previous;
		chain_give(left);
	}
}
