/* SPDX-License-Identifier: Apache-2.0
 *
 * Each direction of a connection is a stream that is cut into messages.
 */
#include "shim/capture/connection.h"

#include "shim/capture/departed.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/expect.h"
#include "shim/capture/http_pair.h"
#include "shim/capture/side.h"

_Static_assert(PROXY_WRITTEN_MAX < FD_INTRODUCTION_MAX, "a header fits");

/* What the messages of a call have in common. */
struct crossing {
	const struct capture_call *call;
	uint64_t state;
	struct event seen;
	uint8_t header[FD_INTRODUCTION_MAX]; /* the proxy's */
	size_t header_size;
	bool nameless; /* a proxy has told between whom, but it is forgotten */
	uint64_t malformed;
};

static void set_header(struct crossing *crossing, size_t size)
{
	crossing->header_size = size;
	crossing->seen.flags |= EVENT_PROXY;
}

static void cross(struct crossing *crossing, const struct capture_call *call)
{
	const struct fd_info *info = &call->info;

	*crossing = (struct crossing){ .call = call, .state = call->state };
	capture_fill(&crossing->seen, call, info->serves, &info->local,
		     &info->remote);
	crossing->seen.flags |=
		EVENT_TCP | (capture_is_clear(call) ? EVENT_TLS : 0);
	if (!info->introduced)
		return;
	size_t size = fdtable_introduction(fdtable_entry(call->fd), call->state,
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
	crossing->state = fdtable_introduce(
		call->fd, crossing->state, &call->info, crossing->header, size);
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
	if (__builtin_expect(thread_state.noted, 0) && crossing->call->sent)
		enqueue_noted(crossing->call->fd, &crossing->seen, message);
	else
		enqueue(&crossing->seen, message);
}

static bool cut_http(struct crossing *crossing, struct stream *stream,
		     struct octets *octets)
{
	const struct capture_call *call = crossing->call;
	bool requests = call->sent != call->info.serves;
	struct http_found found;

	crossing->seen.flags |= EVENT_HTTP;
	for (;;) {
		switch (http_next(stream->half, requests, octets, &found)) {
		case HTTP_MESSAGE:
			crossing->seen.exchange = found.stream;
			put(crossing, &found.message);
			break;
		case HTTP_SHORT:
			crossing->malformed++;
			break;
		case HTTP_NO_MEMORY:
			enqueue_count_drop(DROP_POOL, 1);
			break;
		case HTTP_UNREAD:
			enqueue_count_drop(DROP_STREAM, 1);
			break;
		case HTTP_MORE:
			return true;
		case HTTP_GIVEN_UP:
			return false;
		}
	}
}

static enum http_version version_of(const struct capture_call *call,
				    const struct stream_found *found)
{
	switch (call->protocol) {
	case TLS_HTTP_1:
		return HTTP_1;
	case TLS_HTTP_2:
		return HTTP_2;
	default:
		return found->http;
	}
}

/* This side has told what the other has carried until now. */
static void release_other(const struct capture_call *call);

static bool open_http(struct crossing *crossing, struct stream *stream,
		      struct stream_found *found, struct octets *octets)
{
	const struct capture_call *call = crossing->call;

	stream->half = http_pair_take(call, version_of(call, found));
	if (!stream->half)
		return false;
	release_other(call);
	return cut_http(crossing, stream, &found->message) &&
	       cut_http(crossing, stream, octets);
}

/* Cuts what crossed into messages. Returns false if they cannot be followed. */
static bool cut(struct crossing *crossing, struct stream *stream,
		struct octets *octets)
{
	struct stream_found found;

	if (stream->state == STREAM_HTTP)
		return cut_http(crossing, stream, octets);
	for (;;) {
		switch (stream_next(stream, octets, &found)) {
		case STREAM_MESSAGE:
			release_other(crossing->call);
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
		case STREAM_TLS_HELLO:
			tls_begin(crossing->call, crossing->state,
				  &found.hello);
			return true;
		case STREAM_OPENS_HTTP:
			return open_http(crossing, stream, &found, octets);
		case STREAM_MORE:
		case STREAM_FOREIGN:
			return true;
		case STREAM_GIVEN_UP:
			return false;
		}
	}
}

/* What was held, now that it is known what it is. */
static bool cut_held(struct crossing *crossing, struct stream *stream)
{
	struct iovec iov[CHAIN_BLOCKS];
	struct octets octets = chain_octets(stream->half, iov);
	pool_block held = stream->half;
	bool good = true;

	stream->half = 0;
	stream->state = STREAM_BETWEEN;
	if (stream->may & STREAM_MAY_HTTP) {
		stream->half = http_pair_take(crossing->call, HTTP_1);
		stream->state = STREAM_HTTP;
		good = stream->half;
	}
	good = good && cut(crossing, stream, &octets);
	chain_give(held);
	return good;
}

static void cut_and_count(struct crossing *crossing, struct stream *stream,
			  struct octets *octets)
{
	bool told = !(stream->may & STREAM_MAY_WAIT);
	bool held = stream->state == STREAM_HELD && told;

	if ((held && !cut_held(crossing, stream)) ||
	    !cut(crossing, stream, octets)) {
		stream_abandon(stream);
		stream->state = STREAM_LOST;
		enqueue_count_drop(DROP_STREAM, 1);
	}
	if (crossing->malformed)
		enqueue_count_drop(DROP_MALFORMED, crossing->malformed);
}

void connection_give_up(const struct capture_call *call)
{
	const struct stream lost = { .state = STREAM_LOST,
				     .clear = capture_is_clear(call) };
	struct fd_stream *side = side_of(call);

	enqueue_count_drop(DROP_STREAM, 1);
	if (side)
		side_set(side, call->state, &lost);
}

void connection_lose_side(int fd, bool sent)
{
	static const struct stream lost = { .state = STREAM_LOST };
	struct fd_entry *entry = fdtable_make(fd);

	if (entry)
		side_set(&entry->stream[sent], atomic_load(&entry->state),
			 &lost);
}

void connection_lose(int fd)
{
	connection_lose_side(fd, false);
	connection_lose_side(fd, true);
}

/* In no known order with other calls: it stands for itself. */
static void cross_alone(struct crossing *crossing, struct octets *octets)
{
	uint8_t may = expect(crossing->call);
	struct stream stream = { .state = STREAM_BETWEEN, .may = may };

	if ((may & (STREAM_MAY_DNS | STREAM_MAY_WAIT)) == STREAM_MAY_DNS &&
	    stream_is_whole(*octets))
		cut_and_count(crossing, &stream, octets);
	else
		connection_give_up(crossing->call);
}

/* Returns false if the octets are not the stream's: it is a TLS connection's clear
 * text, and they are not. Of what was kept before it was known to be one nothing
 * counts. */
static bool is_of(const struct capture_call *call, struct stream *stream,
		  bool *anew)
{
	bool lost = stream->state == STREAM_LOST;

	*anew = capture_is_clear(call) && !stream->clear && !lost;
	if (*anew) {
		stream_end(stream);
		*stream = (struct stream){ .clear = true };
	}
	return stream->clear == capture_is_clear(call) || lost;
}

static void cross_in_turn(struct crossing *crossing, struct fd_stream *side,
			  struct octets *octets)
{
	const struct capture_call *call = crossing->call;
	struct stream stream;
	bool anew;

	if (!side_try_lock(side, call->state, &stream)) {
		cross_alone(crossing, octets);
		return;
	}
	bool ours = is_of(call, &stream, &anew);
	bool others = atomic_fetch_add(&side->sequence, 1) != call->sequence;
	stream.may = expect(call);
	if (stream.state == STREAM_BEGINS)
		stream.may |= expect_first(call);
	if (ours && others && !anew && stream.state != STREAM_LOST) {
		side_unlock(side, call->state, &stream);
		cross_alone(crossing, octets);
		return;
	}
	if (ours)
		cut_and_count(crossing, &stream, octets);
	if (stream.state == STREAM_HALF || stream.state == STREAM_HELD)
		chain_note(stream.half)->stamp_ns = call->stamp_ns;
	side_unlock(side, call->state, &stream);
}

static void release_other(const struct capture_call *call)
{
	struct capture_call other = *call;
	struct octets none = { 0 };
	struct crossing crossing;
	struct stream stream;

	if (call->protocol != TLS_UNNAMED || !call->sent)
		return;
	other.sent = false;
	struct fd_stream *side = side_of(&other);
	if (!side || side_now(side, &other) != STREAM_HELD ||
	    !side_try_lock(side, call->state, &stream))
		return;
	if (stream.clear && stream.state == STREAM_HELD) {
		other.stamp_ns = chain_note(stream.half)->stamp_ns;
		stream.may = http_pair_waits(call) ? STREAM_MAY_HTTP
						   : STREAM_MAY_DNS;
		cross(&crossing, &other);
		cut_and_count(&crossing, &stream, &none);
	}
	side_unlock(side, call->state, &stream);
}

static void crossed(const struct capture_call *call, struct octets octets)
{
	struct fd_stream *side = side_of(call);
	struct crossing crossing;

	if (!side) {
		enqueue_count_drop(DROP_STREAM, 1);
		return;
	}
	cross(&crossing, call);
	cross_in_turn(&crossing, side, &octets);
}

void connection_crossed(const struct capture_call *call,
			const struct msghdr *message, size_t size)
{
	crossed(call, (struct octets){ .iov = message->msg_iov, .left = size });
}

/* Nothing of what this direction carries is of interest. */
static bool is_foreign(const struct capture_call *call)
{
	struct fd_stream *side = side_of(call);

	return side && side_now(side, call) == STREAM_IGNORED;
}

void connection_land(struct capture_call *call, size_t size)
{
	struct iovec iov[CHAIN_BLOCKS];
	struct octets octets = departed_octets(call, iov);

	if (size && size <= octets.left) {
		octets.left = size;
		crossed(call, octets);
	} else if (size && !is_foreign(call)) {
		connection_give_up(call);
	}
	departed_end(call);
}
