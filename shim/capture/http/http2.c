/* SPDX-License-Identifier: Apache-2.0
 *
 * The cutter of HTTP/2: a step for each state, a function for each type of frame.
 */
#include "shim/capture/http/http2.h"

#include "proto/common.h"
#include "proto/event.h"

#define PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HEADER_SIZE 9

/* Types of frames. */
enum {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
};

/* Flags. */
#define END_STREAM  0x01
#define END_HEADERS 0x04
#define PADDED      0x08
#define PRIORITY    0x20

typedef int step(struct http2 *http2, struct octets *octets,
		 struct http_found *found);

static size_t smaller(size_t one, size_t other)
{
	return one < other ? one : other;
}

/* Collects octets up to `size`. Returns false if more have to come. */
static bool collect(struct http2 *http2, struct octets *octets, size_t size)
{
	size_t part = smaller(size - http2->have, octets->left);

	if (part)
		octets_take(octets, http2->octet + http2->have, part);
	http2->have += part;
	return http2->have == size;
}

static uint32_t read_stream(const uint8_t octet[4])
{
	return (octet[0] & 0x7f) << 24 | octet[1] << 16 | octet[2] << 8 |
	       octet[3];
}

static int preface(struct http2 *http2, struct octets *octets,
		   struct http_found *found)
{
	uint8_t octet;

	(void)found;
	while (octets->left) {
		octets_take(octets, &octet, 1);
		if (octet != PREFACE[http2->have++])
			return HTTP_GIVEN_UP;
		if (!PREFACE[http2->have]) {
			http2->have = 0;
			http2->state = HTTP2_FRAME;
			return HTTP_ON;
		}
	}
	return HTTP_MORE;
}

/* Each of these begins a frame of its type: where to go behind its prefix, of which
 * `prefix` octets are set, or HTTP2_LOST. */
typedef enum http2_state begin_frame(struct http2 *http2);

static enum http2_state begin_data(struct http2 *http2)
{
	http2->half = streams_find(&http2->streams, http2->stream);
	return http2->stream ? HTTP2_DATA : HTTP2_LOST;
}

static void begin_block(struct http2 *http2, bool pushed)
{
	http2->block = http2->stream;
	http2->ends = http2->flags & END_STREAM;
	http2->pushed = pushed;
	http2->path = false;
	http2->fields = (struct fields){ 0 };
}

static enum http2_state begin_headers(struct http2 *http2)
{
	if (!http2->stream || (http2->requests && !(http2->stream & 1)))
		return HTTP2_LOST;
	begin_block(http2, false);
	if (http2->flags & PRIORITY)
		http2->prefix += 5;
	return HTTP2_BLOCK;
}

static enum http2_state begin_rst_stream(struct http2 *http2)
{
	if (!http2->stream || http2->left != 4)
		return HTTP2_LOST;
	streams_cut(&http2->streams, http2->stream);
	streams_reset(&http2->other->streams, http2->stream);
	if (http2->requests)
		noted_reset(http2->noted, http2->stream);
	else
		noted_take(http2->noted, http2->stream);
	return HTTP2_REST;
}

static enum http2_state begin_push_promise(struct http2 *http2)
{
	if (!http2->stream || http2->requests)
		return HTTP2_LOST;
	begin_block(http2, true);
	http2->prefix += 4;
	return HTTP2_BLOCK;
}

static enum http2_state begin_continuation(struct http2 *http2)
{
	return http2->block ? HTTP2_BLOCK : HTTP2_LOST;
}

static enum http2_state begin_any(struct http2 *http2)
{
	static begin_frame *const begins[] = {
		[FRAME_DATA] = begin_data,
		[FRAME_HEADERS] = begin_headers,
		[FRAME_RST_STREAM] = begin_rst_stream,
		[FRAME_PUSH_PROMISE] = begin_push_promise,
		[FRAME_CONTINUATION] = begin_continuation,
	};
	static const bool padded[ARRAY_SIZE(begins)] = {
		[FRAME_DATA] = true,
		[FRAME_HEADERS] = true,
		[FRAME_PUSH_PROMISE] = true,
	};
	uint8_t type = http2->type;

	http2->prefix = http2->padding = 0;
	/* RFC 9113 6.10: nothing comes between the frames of a block. */
	if (http2->block &&
	    (type != FRAME_CONTINUATION || http2->stream != http2->block))
		return HTTP2_LOST;
	if (type >= ARRAY_SIZE(begins) || !begins[type])
		return HTTP2_REST;
	if (padded[type] && http2->flags & PADDED)
		http2->prefix = 1;
	return begins[type](http2);
}

static int frame(struct http2 *http2, struct octets *octets,
		 struct http_found *found)
{
	const uint8_t *octet = http2->octet;

	(void)found;
	if (!collect(http2, octets, HEADER_SIZE))
		return HTTP_MORE;
	http2->have = 0;
	http2->left = octet[0] << 16 | octet[1] << 8 | octet[2];
	http2->type = octet[3];
	http2->flags = octet[4];
	http2->stream = read_stream(octet + 5);
	enum http2_state behind = begin_any(http2);
	if (behind == HTTP2_LOST || http2->prefix > http2->left)
		return HTTP_GIVEN_UP;
	http2->state = http2->prefix ? HTTP2_PREFIX : behind;
	return HTTP_ON;
}

static int prefix(struct http2 *http2, struct octets *octets,
		  struct http_found *found)
{
	(void)found;
	if (!collect(http2, octets, http2->prefix))
		return HTTP_MORE;
	http2->have = 0;
	http2->left -= http2->prefix;
	if (http2->flags & PADDED)
		http2->padding = http2->octet[0];
	if (http2->padding > http2->left)
		return HTTP_GIVEN_UP;
	http2->state = http2->type == FRAME_DATA ? HTTP2_DATA : HTTP2_BLOCK;
	return HTTP_ON;
}

static void take_field(void *context, struct text name, struct text value)
{
	struct http2 *http2 = context;

	fields_take(&http2->fields, name, value);
	if (!http2->requests || !text_is(name, TEXT(":path")))
		return;
	if (http2->path)
		parameter_lose(&http2->parameter);
	http2->path = true;
	parameter_take(&http2->parameter, value);
}

static int block(struct http2 *http2, struct octets *octets,
		 struct http_found *found)
{
	(void)found;
	while (octets->left && http2->left > http2->padding) {
		const struct iovec *iov = octets->iov;
		size_t part = smaller(
			iov->iov_len - octets->skip,
			smaller(octets->left, http2->left - http2->padding));
		const uint8_t *at = (uint8_t *)iov->iov_base + octets->skip;
		if (!hpack_read(&http2->hpack, at, part, take_field, http2))
			return HTTP_GIVEN_UP;
		octets_pass(octets, part);
		http2->left -= part;
	}
	if (http2->left > http2->padding)
		return HTTP_MORE;
	http2->state = HTTP2_REST;
	return HTTP_ON;
}

static int end_block(struct http2 *http2, struct http_found *found)
{
	if (!hpack_finish(&http2->hpack, take_field, http2))
		return HTTP_GIVEN_UP;
	return http2_end_block(http2, found);
}

static int end_frame(struct http2 *http2, struct http_found *found)
{
	http2->state = HTTP2_FRAME;
	if (http2->block)
		return http2->flags & END_HEADERS ? end_block(http2, found)
						  : HTTP_ON;
	if (http2->type == FRAME_DATA && http2->flags & END_STREAM)
		return http2_end_stream(http2, http2->stream, found);
	return HTTP_ON;
}

/* The message is all in this frame, and the frame in these octets. */
static bool is_there(const struct http2 *http2, const struct octets *octets)
{
	size_t size = http2->left - http2->padding;
	const struct half *half = http2->half;

	return half && http2->flags & END_STREAM && !half->body.fault &&
	       !half->body.chain && octets->left >= http2->left &&
	       size >= EVENT_PAYLOAD_MIN && size <= EVENT_PAYLOAD_MAX &&
	       (half->length == STREAM_UNMEASURED || half->length == size);
}

static int hand_on(struct http2 *http2, struct octets *octets,
		   struct http_found *found)
{
	streams_close(&http2->streams, http2->half);
	found->stream = http2->stream;
	found->message = *octets;
	found->message.left = http2->left - http2->padding;
	octets_pass(octets, http2->left);
	http2->state = HTTP2_FRAME;
	return HTTP_MESSAGE;
}

static int data(struct http2 *http2, struct octets *octets,
		struct http_found *found)
{
	size_t part = smaller(http2->left - http2->padding, octets->left);

	if (http2->left > http2->padding)
		http2_body_comes(http2);
	if (is_there(http2, octets))
		return hand_on(http2, octets, found);
	if (http2->half)
		streams_add(&http2->streams, http2->half, octets, part);
	else if (part)
		octets_pass(octets, part);
	http2->left -= part;
	if (http2->left > http2->padding)
		return HTTP_MORE;
	http2->state = HTTP2_REST;
	return HTTP_ON;
}

static int rest(struct http2 *http2, struct octets *octets,
		struct http_found *found)
{
	size_t part = smaller(http2->left, octets->left);

	if (part)
		octets_pass(octets, part);
	http2->left -= part;
	return http2->left ? HTTP_MORE : end_frame(http2, found);
}

static void drop_kept(struct http2 *http2)
{
	chain_give(http2->kept);
	http2->kept = 0;
}

static bool take_unread(struct http2 *http2)
{
	bool unread = http2->unread;

	http2->unread = false;
	return unread;
}

enum http_cut http2_next(struct http2 *http2, struct octets *octets,
			 struct http_found *found)
{
	static step *const steps[] = {
		[HTTP2_PREFACE] = preface, [HTTP2_FRAME] = frame,
		[HTTP2_PREFIX] = prefix,   [HTTP2_BLOCK] = block,
		[HTTP2_DATA] = data,       [HTTP2_REST] = rest,
	};
	int cut;

	drop_kept(http2);
	if (http2->state == HTTP2_LOST)
		return HTTP_GIVEN_UP;
	if (take_unread(http2))
		return HTTP_UNREAD;
	do
		cut = steps[http2->state](http2, octets, found);
	while (cut == HTTP_ON && !http2->unread);
	if (cut == HTTP_ON && take_unread(http2))
		return HTTP_UNREAD;
	if (cut == HTTP_GIVEN_UP)
		http2_end(http2);
	return cut;
}

void http2_begin(struct http2 *http2, bool requests, struct http2 *other,
		 struct noted *noted, uint8_t *memory, uint32_t size)
{
	memset(http2, 0, sizeof(*http2));
	http2->state = requests ? HTTP2_PREFACE : HTTP2_FRAME;
	http2->requests = requests;
	http2->other = other;
	http2->noted = noted;
	hpack_begin(&http2->hpack, memory, size);
}

void http2_end(struct http2 *http2)
{
	drop_kept(http2);
	if (http2->state == HTTP2_LOST)
		return;
	http2->state = HTTP2_LOST;
	parameter_drop(&http2->parameter);
	streams_drop(&http2->streams);
	hpack_end(&http2->hpack);
}
