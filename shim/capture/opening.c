/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps before the first message.
 */
#include "shim/capture/opening.h"

#include "proto/common.h"

_Static_assert(HELLO_SEEN_MAX <= PROXY_SEEN_MAX, "both are seen");

bool opening_pass(struct stream *stream, struct octets *octets)
{
	size_t part = stream->left < octets->left ? stream->left : octets->left;

	octets_pass(octets, part);
	stream->left -= part;
	return !stream->left;
}

/* Of what has come, as much as is told by. Returns how much of it was kept. */
static size_t see(const struct stream *stream, const struct octets *octets,
		  uint8_t to[PROXY_SEEN_MAX], size_t *size)
{
	struct iovec iov[CHAIN_BLOCKS];
	size_t have = stream->half ? chain_size(stream->half) : 0;
	size_t more = octets->left < PROXY_SEEN_MAX - have
			      ? octets->left
			      : PROXY_SEEN_MAX - have;

	if (have) {
		struct octets kept = chain_octets(stream->half, iov);
		octets_copy(&kept, to, have);
	}
	octets_copy(octets, to + have, more);
	*size = have + more;
	return have;
}

static void give_half(struct stream *stream)
{
	chain_give(stream->half);
	stream->half = 0;
}

static int give_up(struct stream *stream)
{
	give_half(stream);
	stream->state = STREAM_LOST;
	return STREAM_GIVEN_UP;
}

static int keep(struct stream *stream, struct octets *octets)
{
	if (!octets->left)
		return STREAM_MORE;
	if (!stream->half)
		stream->half = chain_new();
	if (!stream->half || !chain_append(stream->half, octets, octets->left))
		return give_up(stream);
	return STREAM_MORE;
}

/* The message begins with what was kept: what a header or a hello begins with reads
 * as a length of thousands. */
static int begin_message(struct stream *stream, const uint8_t *kept,
			 size_t size)
{
	stream->state = size ? STREAM_LENGTH : STREAM_BETWEEN;
	stream->length = kept[0];
	if (size < 2)
		return STREAM_ON;
	struct iovec iov = { (void *)(kept + 2), size - 2 };
	struct octets octets = { .iov = &iov, .left = size - 2 };
	stream->half = chain_new();
	if (!stream->half || !chain_append(stream->half, &octets, size - 2))
		return give_up(stream);
	chain_note(stream->half)->whole = kept[0] << 8 | kept[1];
	stream->state = STREAM_HALF;
	return STREAM_ON;
}

static int open_http(struct stream *stream, const uint8_t *kept, size_t size,
		     struct stream_found *found)
{
	stream->state = STREAM_HTTP;
	for (size_t i = 0; i < size; i++)
		found->kept[i] = kept[i];
	found->whole[0] = (struct iovec){ found->kept, size };
	found->message = (struct octets){ .iov = found->whole, .left = size };
	return STREAM_OPENS_HTTP;
}

/* How a side begins that speaks HTTP: with a request or a status line (RFC 9112 2.1),
 * the preface of HTTP/2 or, as a server, its SETTINGS (RFC 9113 3.4, 6.5), whose
 * length may be any in one octet. As lengths of messages these are 17 thousand and
 * more, or none at all, behind which no header of a message follows that this side
 * would send. */
static const struct {
	const char *text;
	size_t size;
	enum http_version version;
} http_begins[] = {
	{ "HTTP/1.", 7, HTTP_1 },
	{ "POST /", 6, HTTP_1 },
	{ "GET /", 5, HTTP_1 },
	{ "PRI * HTTP/2.0", 14, HTTP_2 },
	{ "\0\0?\4\0\0\0\0\0", 9, HTTP_2 },
};

/* Does it begin so, as far as there are octets? */
static bool begins_with(size_t i, const uint8_t *octets, size_t size)
{
	const char *text = http_begins[i].text;

	for (size_t at = 0; at < size && at < http_begins[i].size; at++)
		if (octets[at] != (uint8_t)text[at] && text[at] != '?')
			return false;
	return true;
}

enum told { TOLD_DNS, TOLD_HTTP, TOLD_MORE };

static enum told tell(const uint8_t *octets, size_t size,
		      enum http_version *version)
{
	for (size_t i = 0; i < ARRAY_SIZE(http_begins); i++) {
		if (!begins_with(i, octets, size))
			continue;
		*version = http_begins[i].version;
		return size < http_begins[i].size ? TOLD_MORE : TOLD_HTTP;
	}
	return TOLD_DNS;
}

static int begin(struct stream *stream, bool http, const uint8_t *kept,
		 size_t size, struct stream_found *found)
{
	give_half(stream);
	return http ? open_http(stream, kept, size, found)
		    : begin_message(stream, kept, size);
}

/* Whether it is kept until the other side has told. A request begins with a method, or
 * with empty lines (RFC 9112 2.2): what begins with less is the length of a message. */
static bool waits(const struct stream *stream, uint8_t first)
{
	return stream->may & STREAM_MAY_WAIT &&
	       (stream->may & STREAM_MAY_HTTP || first >= '\n');
}

/* Nothing comes before the messages. Of the `size` octets that are there of them,
 * `have` were kept. */
static int opened(struct stream *stream, struct octets *octets,
		  const uint8_t *seen, size_t size, size_t have,
		  struct stream_found *found)
{
	if (waits(stream, seen[0])) {
		stream->state = STREAM_HELD;
		return keep(stream, octets);
	}
	switch (stream->may & (STREAM_MAY_DNS | STREAM_MAY_HTTP)) {
	case 0:
		give_half(stream);
		stream->state = STREAM_IGNORED;
		return STREAM_FOREIGN;
	case STREAM_MAY_DNS:
		return begin(stream, false, seen, have, found);
	case STREAM_MAY_HTTP:
		return begin(stream, true, seen, have, found);
	}
	switch (tell(seen, size, &found->http)) {
	case TOLD_MORE:
		return keep(stream, octets);
	case TOLD_HTTP:
		return begin(stream, true, seen, have, found);
	default:
		return begin(stream, false, seen, have, found);
	}
}

/* A header or a record, of which `have` octets were kept, goes by. */
static void go_by(struct stream *stream, struct octets *octets, size_t size,
		  size_t have, enum stream_state state)
{
	give_half(stream);
	stream->state = state;
	stream->left = size - have;
	opening_pass(stream, octets);
}

int opening_begins(struct stream *stream, struct octets *octets,
		   struct stream_found *found)
{
	uint8_t seen[PROXY_SEEN_MAX];
	size_t size, have;

	if (!octets->left)
		return STREAM_MORE;
	if (!(stream->may & STREAM_MAY_PROXY)) {
		stream->state = STREAM_HELLO;
		return STREAM_ON;
	}
	have = see(stream, octets, seen, &size);
	long header = proxy_read(seen, size, &found->proxy);
	if (header == PROXY_MORE)
		return keep(stream, octets);
	if (header == PROXY_NONE) {
		stream->state = STREAM_HELLO;
		return STREAM_ON;
	}
	go_by(stream, octets, header, have, STREAM_PROXY);
	return STREAM_INTRODUCTION;
}

int opening_proxy(struct stream *stream, struct octets *octets,
		  struct stream_found *found)
{
	(void)found;
	if (!opening_pass(stream, octets))
		return STREAM_MORE;
	stream->state = STREAM_HELLO;
	return STREAM_ON;
}

static int look_for_hello(struct stream *stream, struct octets *octets,
			  struct stream_found *found)
{
	bool first = stream->state == STREAM_HELLO;
	uint8_t seen[PROXY_SEEN_MAX];
	size_t size, have = see(stream, octets, seen, &size);

	if (!(stream->may & STREAM_MAY_TLS))
		return opened(stream, octets, seen, size, have, found);
	switch (hello_read(seen, size, first, &found->hello)) {
	case HELLO_NOT_TLS:
		return first ? opened(stream, octets, seen, size, have, found)
			     : give_up(stream);
	case HELLO_MORE:
		return keep(stream, octets);
	case HELLO_FOUND:
		give_half(stream);
		stream->state = STREAM_IGNORED;
		return STREAM_TLS_HELLO;
	default:
		go_by(stream, octets, found->hello.record, have, STREAM_RECORD);
		return STREAM_ON;
	}
}

int opening_hello(struct stream *stream, struct octets *octets,
		  struct stream_found *found)
{
	return octets->left ? look_for_hello(stream, octets, found)
			    : STREAM_MORE;
}

int opening_records(struct stream *stream, struct octets *octets,
		    struct stream_found *found)
{
	return opening_hello(stream, octets, found);
}

int opening_record(struct stream *stream, struct octets *octets,
		   struct stream_found *found)
{
	(void)found;
	if (!opening_pass(stream, octets))
		return STREAM_MORE;
	stream->state = STREAM_RECORDS;
	return STREAM_ON;
}

int opening_held(struct stream *stream, struct octets *octets,
		 struct stream_found *found)
{
	(void)found;
	return keep(stream, octets);
}
