/* SPDX-License-Identifier: Apache-2.0
 *
 * Each direction of a connection is a stream that is cut into messages.
 */
#include "shim/capture/connection.h"

#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"

_Static_assert(PROXY_WRITTEN_MAX < FD_INTRODUCTION_MAX, "a header fits");

/* What the messages of a call have in common. */
struct crossing {
	const struct capture_call *call;
	uint64_t state;
	const struct fd_info *info;
	struct event seen;
	uint8_t header[FD_INTRODUCTION_MAX]; /* the proxy's */
	size_t header_size;
	bool nameless; /* a proxy has told between whom, but it is forgotten */
	uint64_t malformed;
};

/* Received, a header comes from a proxy before this server; sent, it is this one
 * that is the proxy, and what it says stands in what it has received. */
static bool may_be_introduced(const struct crossing *crossing)
{
	return crossing->call->sent != crossing->info->serves;
}

static void set_header(struct crossing *crossing, size_t size)
{
	crossing->header_size = size;
	crossing->seen.flags |= EVENT_PROXY;
}

static void cross(struct crossing *crossing, const struct capture_call *call,
		  uint64_t state, const struct fd_info *info)
{
	*crossing =
		(struct crossing){ .call = call, .state = state, .info = info };
	capture_fill(&crossing->seen, call, info->serves, &info->local,
		     &info->remote);
	crossing->seen.flags |= EVENT_TCP;
	if (!info->introduced)
		return;
	size_t size = fdtable_introduction(fdtable_entry(call->fd), state,
					   crossing->header);
	crossing->nameless = !size;
	if (size)
		set_header(crossing, size);
}

/* The next messages are of those whom the proxy names. Returns false if that
 * cannot be kept. */
static bool introduce(struct crossing *crossing, const struct proxy *proxy)
{
	const struct capture_call *call = crossing->call;

	if (call->sent || !proxy->known)
		return true;
	size_t size = proxy_write(proxy, crossing->header);
	crossing->state =
		fdtable_introduce(call->fd, crossing->state, crossing->info,
				  crossing->header, size);
	set_header(crossing, size);
	return crossing->state;
}

static void put(struct crossing *crossing, struct octets *message)
{
	if (crossing->nameless) {
		enqueue_count_drop(DROP_STREAM, 1);
		return;
	}
	message->front =
		(struct iovec){ crossing->header, crossing->header_size };
	crossing->seen.size = message->left + crossing->header_size;
	enqueue(&crossing->seen, message);
}

/* Cuts what crossed into messages. Returns false if they cannot be followed. */
static bool cut(struct crossing *crossing, struct stream *stream,
		struct octets *octets)
{
	struct stream_found found;

	for (;;) {
		switch (stream_next(stream, octets, &found)) {
		case STREAM_MESSAGE:
			put(crossing, &found.message);
			break;
		case STREAM_SHORT:
			crossing->malformed++;
			break;
		case STREAM_NO_MEMORY:
			enqueue_count_drop(DROP_POOL, 1);
			break;
		case STREAM_INTRODUCTION:
			if (!introduce(crossing, &found.proxy))
				return false;
			break;
		case STREAM_MORE:
			return true;
		case STREAM_GIVEN_UP:
			return false;
		}
	}
}

static void cut_and_count(struct crossing *crossing, struct stream *stream,
			  struct octets *octets)
{
	if (!cut(crossing, stream, octets)) {
		stream_abandon(stream);
		stream->state = STREAM_LOST;
		enqueue_count_drop(DROP_STREAM, 1);
	}
	if (crossing->malformed)
		enqueue_count_drop(DROP_MALFORMED, crossing->malformed);
}

static struct fd_stream *side_of(const struct capture_call *call)
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

/* Takes this direction of the connection that `state` is of, and what was kept of
 * an earlier one. Returns false if somebody has it locked, or if the number has become
 * another socket's. */
static bool try_lock(struct fd_stream *side, uint64_t state,
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
		chain_give(stream->half);
	}
	*stream = (struct stream){ .state = STREAM_BEGINS };
	return true;
}

static void unlock(struct fd_stream *side, uint64_t state,
		   const struct stream *stream)
{
	uint64_t locked = side_state(state, FD_STREAM_LOCKED);

	if (!atomic_compare_exchange_strong(
		    &side->state, &locked,
		    side_state(state, stream_pack(stream))))
		chain_give(stream->half);
}

void connection_give_up(const struct capture_call *call, uint64_t state)
{
	static const struct stream lost = { .state = STREAM_LOST };
	struct fd_stream *side = side_of(call);
	uint64_t found = side ? atomic_load(&side->state) : 0;

	enqueue_count_drop(DROP_STREAM, 1);
	do
		if (!side || newer(found, state) > 0)
			return;
	while (!atomic_compare_exchange_weak(
		&side->state, &found, side_state(state, stream_pack(&lost))));
	if (!(found & FD_STREAM_LOCKED))
		chain_give(stream_unpack(found).half);
}

/* In no known order with other calls: it stands for itself. */
static void cross_alone(struct crossing *crossing, struct octets *octets)
{
	struct stream stream = { .state = STREAM_BETWEEN };

	if (stream_is_whole(*octets))
		cut_and_count(crossing, &stream, octets);
	else
		connection_give_up(crossing->call, crossing->state);
}

static void cross_in_turn(struct crossing *crossing, struct fd_stream *side,
			  struct octets *octets)
{
	struct stream stream;
	uint64_t state = crossing->state;

	if (!try_lock(side, state, &stream)) {
		cross_alone(crossing, octets);
		return;
	}
	bool others = atomic_fetch_add(&side->sequence, 1) !=
		      crossing->call->sequence;
	if (stream.state == STREAM_BEGINS && !may_be_introduced(crossing))
		stream.state = STREAM_BETWEEN;
	if (others && stream.state != STREAM_LOST) {
		unlock(side, state, &stream);
		cross_alone(crossing, octets);
		return;
	}
	cut_and_count(crossing, &stream, octets);
	unlock(side, state, &stream);
}

static void crossed(const struct capture_call *call, uint64_t state,
		    const struct fd_info *info, struct octets octets)
{
	struct fd_stream *side = side_of(call);
	struct crossing crossing;

	if (!side) {
		enqueue_count_drop(DROP_STREAM, 1);
		return;
	}
	cross(&crossing, call, state, info);
	cross_in_turn(&crossing, side, &octets);
}

void connection_crossed(const struct capture_call *call, uint64_t state,
			const struct fd_info *info,
			const struct msghdr *message, size_t size)
{
	crossed(call, state, info,
		(struct octets){ .iov = message->msg_iov, .left = size });
}

/* The copies of this thread's calls that have not returned, the last one made
 * first. More than one where a signal handler sends, or has jumped. */
static _Thread_local pool_block departed;

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

/* Unless it has been given up. */
static bool follows(const struct capture_call *call)
{
	struct fd_stream *side = side_of(call);
	uint64_t found = side ? atomic_load(&side->state) : 0;

	return side && !(fd_same_socket(found, call->state) &&
			 !(found & FD_STREAM_LOCKED) &&
			 stream_unpack(found).state == STREAM_LOST);
}

void connection_depart(struct capture_call *call, const struct msghdr *message,
		       size_t total)
{
	sweep((uintptr_t)call);
	call->copy = total && follows(call) ? chain_new() : 0;
	if (!call->copy)
		return;
	/* Not before: where there is nothing to copy it may be a bad pointer. */
	struct octets octets = { .iov = message->msg_iov, .left = total };
	struct chain_note *note = chain_note(call->copy);
	note->frame = (uintptr_t)call;
	note->previous = departed;
	departed = call->copy;
	chain_append(call->copy, &octets,
		     total < CHAIN_MAX ? total : CHAIN_MAX);
}

/* False: a sweep on some other stack has taken it for one left behind. */
static bool still_there(pool_block copy)
{
	pool_block one = departed;

	while (one && one != copy)
		one = chain_note(one)->previous;
	return one;
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

void connection_land(struct capture_call *call, uint64_t state,
		     const struct fd_info *info, size_t size)
{
	struct iovec iov[CHAIN_BLOCKS];
	struct octets octets = { .left = 0 };
	bool kept = call->copy && still_there(call->copy);

	if (kept)
		octets = chain_octets(call->copy, iov);
	if (size && size <= octets.left) {
		octets.left = size;
		crossed(call, state, info, octets);
	} else if (size) {
		connection_give_up(call, state);
	}
	connection_leave(call);
}

void connection_leave(struct capture_call *call)
{
	if (call->copy && still_there(call->copy))
		give_back(call->copy);
	call->copy = 0;
}
