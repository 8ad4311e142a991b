/* SPDX-License-Identifier: Apache-2.0
 *
 * Each direction of a connection is a stream that is cut into messages.
 */
#include "shim/capture/connection.h"

#include "shim/capture/enqueue.h"
#include "shim/capture/observed.h"

/* Cuts what crossed into messages. Returns false if this is no DNS. */
static bool cut(struct stream *stream, struct event *seen, struct octets octets)
{
	struct octets message;
	struct iovec whole;

	for (;;) {
		switch (stream_next(stream, &octets, &message, &whole)) {
		case STREAM_MESSAGE:
			seen->size = message.left;
			enqueue(seen, &message);
			break;
		case STREAM_SHORT:
			enqueue_count_drop(DROP_MALFORMED, 1);
			break;
		case STREAM_NO_MEMORY:
			enqueue_count_drop(DROP_POOL, 1);
			break;
		case STREAM_MORE:
			return true;
		case STREAM_NONSENSE:
			return false;
		}
	}
}

/* The connection is not followed any further: its octets have lost their
 * meaning. That it is foreign is all that will be looked at. */
void connection_give_up(int fd, uint64_t word, const struct fd_facts *facts)
{
	enqueue_count_drop(DROP_STREAM, 1);
	fdtable_learn(fd, word, FD_FOREIGN, facts);
}

/* Takes one direction of the connection that `word` is of. Returns false where
 * it cannot be followed: in which order two threads read one connection is not
 * to be known, and one that is still at the number's earlier socket must not
 * find its memory with somebody else. */
static bool hold(struct fd_stream *side, uint64_t word)
{
	uint32_t socket = word >> 32;

	if (atomic_exchange(&side->held, true))
		return false;
	/* The number is another socket's by now, and its stream not ours. */
	if ((int32_t)(side->socket - socket) > 0) {
		atomic_store(&side->held, false);
		return false;
	}
	if (side->socket != socket) {
		stream_reset(&side->stream);
		side->socket = socket;
	}
	return true;
}

void connection_crossed(const struct capture_call *call, uint64_t word,
			const struct fd_facts *facts,
			const struct msghdr *message, size_t size)
{
	struct fd_entry *entry = fdtable_entry(call->fd);
	struct fd_stream *side = entry ? &entry->stream[call->sent] : NULL;
	struct event seen;

	if (!side || !hold(side, word)) {
		connection_give_up(call->fd, word, facts);
		return;
	}
	observed(&seen, call, facts->serves, &facts->local, &facts->remote);
	seen.flags |= EVENT_TCP;
	bool good = cut(&side->stream, &seen,
			(struct octets){ message->msg_iov, 0, size });
	if (!good)
		stream_reset(&side->stream);
	atomic_store(&side->held, false);
	if (!good)
		connection_give_up(call->fd, word, facts);
}
