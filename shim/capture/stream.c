/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream cutter: a step for each state.
 */
#include "shim/capture/stream.h"

#include "proto/event.h"
#include "shim/capture/http/http.h"
#include "shim/capture/opening.h"

/* A packed stream, from the lowest bit: state, whether it is clear text, shorts, and
 * what the state needs beside them. */
#define CLEAR        (1 << 4)
#define SHORTS_SHIFT 5
#define REST_SHIFT   14
#define STATE_MASK   (CLEAR - 1)
#define SHORTS_MASK  ((1 << (REST_SHIFT - SHORTS_SHIFT)) - 1)
#define POOR         (1 << 16)

_Static_assert(STREAM_LOST <= STATE_MASK, "states fit");
_Static_assert(STREAM_SHORT_MAX < SHORTS_MASK, "shorts fit");
_Static_assert(REST_SHIFT + POOL_NAME_BITS <= STREAM_BITS, "names fit");
/* proxy_read's longest: 16 octets and a length of 16 bits. */
_Static_assert(16 + UINT16_MAX < 1 << (STREAM_BITS - REST_SHIFT),
	       "what goes by of a header fits");

static uint32_t pack_rest(const struct stream *stream)
{
	switch (stream->state) {
	case STREAM_BEGINS:
	case STREAM_HELLO:
	case STREAM_RECORDS:
	case STREAM_HELD:
	case STREAM_HALF:
	case STREAM_HTTP:
		return stream->half;
	case STREAM_LENGTH:
		return stream->length;
	case STREAM_SIZED:
	case STREAM_PROXY:
	case STREAM_RECORD:
		return stream->left;
	case STREAM_PASSING:
		return stream->left | (stream->poor ? POOR : 0);
	default:
		return 0;
	}
}

uint32_t stream_pack(const struct stream *stream)
{
	return stream->state | (stream->clear ? CLEAR : 0) |
	       (uint32_t)stream->shorts << SHORTS_SHIFT |
	       pack_rest(stream) << REST_SHIFT;
}

struct stream stream_unpack(uint32_t packed)
{
	uint32_t rest = packed >> REST_SHIFT;
	struct stream stream = {
		.state = packed & STATE_MASK,
		.clear = packed & CLEAR,
		.shorts = packed >> SHORTS_SHIFT & SHORTS_MASK,
	};

	switch (stream.state) {
	case STREAM_BEGINS:
	case STREAM_HELLO:
	case STREAM_RECORDS:
	case STREAM_HELD:
	case STREAM_HALF:
	case STREAM_HTTP:
		stream.half = rest;
		break;
	case STREAM_LENGTH:
		stream.length = rest;
		break;
	case STREAM_SIZED:
	case STREAM_PROXY:
	case STREAM_RECORD:
		stream.left = rest;
		break;
	case STREAM_PASSING:
		stream.left = rest & (POOR - 1);
		stream.poor = rest & POOR;
		break;
	default:
		break;
	}
	return stream;
}

void stream_end(const struct stream *stream)
{
	if (stream->state == STREAM_HTTP)
		http_close(stream->half);
	else
		chain_give(stream->half);
}

static void give_half(struct stream *stream)
{
	stream_end(stream);
	stream->half = 0;
}

void stream_abandon(struct stream *stream)
{
	if (stream->state == STREAM_HALF) {
		stream->state = STREAM_PASSING;
		stream->poor = true;
		stream->left = chain_note(stream->half)->whole -
			       chain_size(stream->half);
	} else if (stream->half) {
		give_half(stream);
		stream->state = STREAM_LOST;
	}
	give_half(stream);
}

static pool_block chain_new_of(uint16_t size)
{
	pool_block chain = chain_new();

	if (chain)
		chain_note(chain)->whole = size;
	return chain;
}

/* The message that was in `half` has been copied, or cannot be had: its last
 * `left` octets go by. */
static void drop_half(struct stream *stream)
{
	stream_abandon(stream);
	if (!stream->left)
		stream->state = STREAM_BETWEEN;
}

static enum stream_cut give_up(struct stream *stream)
{
	give_half(stream);
	stream->state = STREAM_LOST;
	return STREAM_GIVEN_UP;
}

typedef int step(struct stream *stream, struct octets *octets,
		 struct stream_found *found);

static int begin_message(struct stream *stream, struct octets *octets,
			 uint16_t size, struct stream_found *found)
{
	if (size < EVENT_PAYLOAD_MIN) {
		stream->state = STREAM_PASSING;
		stream->poor = false;
		stream->left = size;
		return STREAM_ON;
	}
	if (octets->left >= size) {
		stream->state = STREAM_BETWEEN;
		found->message = *octets;
		found->message.left = size;
		octets_pass(octets, size);
		return STREAM_MESSAGE;
	}
	stream->left = size;
	if (!octets->left) {
		stream->state = STREAM_SIZED;
		return STREAM_MORE;
	}
	stream->half = chain_new_of(size);
	stream->state = stream->half ? STREAM_HALF : STREAM_PASSING;
	stream->poor = true;
	return STREAM_ON;
}

static int between(struct stream *stream, struct octets *octets,
		   struct stream_found *found)
{
	uint8_t length[2];

	if (!octets->left)
		return STREAM_MORE;
	if (octets->left == 1) {
		octets_take(octets, &stream->length, 1);
		stream->state = STREAM_LENGTH;
		return STREAM_MORE;
	}
	octets_take(octets, length, 2);
	return begin_message(stream, octets, length[0] << 8 | length[1], found);
}

static int length(struct stream *stream, struct octets *octets,
		  struct stream_found *found)
{
	uint8_t low;

	if (!octets->left)
		return STREAM_MORE;
	octets_take(octets, &low, 1);
	return begin_message(stream, octets, stream->length << 8 | low, found);
}

static int sized(struct stream *stream, struct octets *octets,
		 struct stream_found *found)
{
	return octets->left ? begin_message(stream, octets, stream->left, found)
			    : STREAM_MORE;
}

static int half(struct stream *stream, struct octets *octets,
		struct stream_found *found)
{
	size_t size = chain_note(stream->half)->whole;
	size_t part = size - chain_size(stream->half);

	if (!part) { /* it was handed on by the last call */
		drop_half(stream);
		return STREAM_ON;
	}
	if (!octets->left)
		return STREAM_MORE;
	if (part > octets->left)
		part = octets->left;
	if (!chain_append(stream->half, octets, part)) {
		drop_half(stream);
		return STREAM_ON;
	}
	if (chain_size(stream->half) < size)
		return STREAM_MORE;
	found->message = chain_octets(stream->half, found->whole);
	return STREAM_MESSAGE;
}

static int passing(struct stream *stream, struct octets *octets,
		   struct stream_found *found)
{
	(void)found;
	if (!opening_pass(stream, octets))
		return STREAM_MORE;
	stream->state = STREAM_BETWEEN;
	if (stream->poor)
		return STREAM_NO_MEMORY;
	if (++stream->shorts > STREAM_SHORT_MAX)
		return give_up(stream);
	return STREAM_SHORT;
}

static int lost(struct stream *stream, struct octets *octets,
		struct stream_found *found)
{
	(void)octets;
	(void)found;
	return give_up(stream);
}

static int ignored(struct stream *stream, struct octets *octets,
		   struct stream_found *found)
{
	(void)stream;
	(void)octets;
	(void)found;
	return STREAM_FOREIGN;
}

enum stream_cut stream_next(struct stream *stream, struct octets *octets,
			    struct stream_found *found)
{
	static step *const steps[] = {
		[STREAM_BEGINS] = opening_begins,
		[STREAM_PROXY] = opening_proxy,
		[STREAM_HELLO] = opening_hello,
		[STREAM_RECORDS] = opening_records,
		[STREAM_RECORD] = opening_record,
		[STREAM_HELD] = opening_held,
		[STREAM_BETWEEN] = between,
		[STREAM_LENGTH] = length,
		[STREAM_SIZED] = sized,
		[STREAM_HALF] = half,
		[STREAM_PASSING] = passing,
		[STREAM_HTTP] = lost,
		[STREAM_IGNORED] = ignored,
		[STREAM_LOST] = lost,
	};
	int cut;

	do
		cut = steps[stream->state](stream, octets, found);
	while (cut == STREAM_ON);
	return cut;
}

bool stream_is_whole(struct octets octets)
{
	uint8_t length[2];
	size_t size = 0;

	if (!octets.left)
		return false;
	while (octets.left >= 2) {
		octets_take(&octets, length, 2);
		size = length[0] << 8 | length[1];
		if (octets.left < size)
			return false;
		octets_pass(&octets, size);
	}
	return !octets.left;
}
