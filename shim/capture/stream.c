/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream cutter.
 */
#include "shim/capture/stream.h"

#include <string.h>

#include "shim/event.h"

/* The least that a question (root name, type, class) and a record (with TTL and
 * length besides) take: RFC 1035 4.1.2 and 4.1.3. */
#define QUESTION_MIN 5
#define RECORD_MIN   11

/* What TLS, HTTP and SSH begin with reads as a length above this. */
#define NONSENSE_MIN 4096

void octets_pass(struct octets *octets, size_t size)
{
	octets->left -= size;
	if (!octets->left)
		return; /* what lies behind the last octet is not looked at */
	while (size >= octets->iov->iov_len - octets->skip) {
		size -= octets->iov->iov_len - octets->skip;
		octets->skip = 0;
		octets->iov++;
	}
	octets->skip += size;
}

void octets_copy(const struct octets *octets, uint8_t *to, size_t size)
{
	const struct iovec *iov = octets->iov;
	size_t skip = octets->skip;

	if (!size)
		return; /* there may be no piece left to look at */
	while (size > iov->iov_len - skip) {
		size_t part = iov->iov_len - skip;
		memcpy(to, (uint8_t *)iov->iov_base + skip, part);
		to += part;
		size -= part;
		skip = 0;
		iov++;
	}
	memcpy(to, (uint8_t *)iov->iov_base + skip, size);
}

void octets_take(struct octets *octets, uint8_t *to, size_t size)
{
	octets_copy(octets, to, size);
	octets_pass(octets, size);
}

void stream_abandon(struct stream *stream)
{
	stream->lost |= stream->half != 0;
	pool_give(stream->half);
	stream->half = 0;
}

void stream_reset(struct stream *stream)
{
	pool_give(stream->half);
	memset(stream, 0, sizeof(*stream));
}

/* On to the next message. */
static void ended(struct stream *stream)
{
	stream_reset(stream);
	stream->begun = true;
}

/* Returns true once the message's length is known. */
static bool take_length(struct stream *stream, struct octets *octets)
{
	while (stream->length_have < 2 && octets->left) {
		octets_take(octets, &stream->length[stream->length_have], 1);
		stream->length_have++;
	}
	if (stream->length_have < 2)
		return false;
	stream->size = stream->length[0] << 8 | stream->length[1];
	return true;
}

/* No message of any length holds as many questions and records as this header
 * claims. In a short one that is a malformed message like any other. */
static bool is_nonsense(const uint8_t header[EVENT_PAYLOAD_MIN], size_t size)
{
	uint32_t least = EVENT_PAYLOAD_MIN;

	if (size < NONSENSE_MIN)
		return false;
	for (int i = 4; i < EVENT_PAYLOAD_MIN; i += 2)
		least += (header[i] << 8 | header[i + 1]) *
			 (i == 4 ? QUESTION_MIN : RECORD_MIN);
	return least > EVENT_PAYLOAD_MAX;
}

/* Keeps what there is of a message that goes on in another call. Returns false
 * if the very first message of the stream cannot be one. */
static bool keep(struct stream *stream, struct octets *octets)
{
	size_t part = stream->size - stream->have;

	if (part > octets->left)
		part = octets->left;
	if (!stream->half && !stream->lost) {
		stream->half = pool_take(stream->size);
		stream->lost = !stream->half;
	}
	if (stream->lost) {
		octets_pass(octets, part);
		stream->have += part;
		return true;
	}
	uint8_t *half = pool_memory(stream->half);
	bool had_header = stream->have >= EVENT_PAYLOAD_MIN;
	octets_take(octets, half + stream->have, part);
	stream->have += part;
	return stream->begun || had_header ||
	       stream->have < EVENT_PAYLOAD_MIN ||
	       !is_nonsense(half, stream->size);
}

enum stream_cut stream_next(struct stream *stream, struct octets *octets,
			    struct octets *message, struct iovec *whole)
{
	/* The block of the message that the last call handed on. */
	if (stream->length_have == 2 && stream->have == stream->size)
		ended(stream);
	if (!take_length(stream, octets))
		return STREAM_MORE;
	if (stream->size < EVENT_PAYLOAD_MIN)
		stream->lost = true;
	if (!stream->have && !stream->lost && octets->left >= stream->size) {
		*message = *octets;
		message->left = stream->size;
		octets_pass(octets, stream->size);
		ended(stream);
		return STREAM_MESSAGE;
	}
	if (!keep(stream, octets))
		return STREAM_NONSENSE;
	if (stream->have < stream->size)
		return STREAM_MORE;
	if (stream->lost) {
		bool is_short = stream->size < EVENT_PAYLOAD_MIN;
		ended(stream);
		return is_short ? STREAM_SHORT : STREAM_NO_MEMORY;
	}
	*whole = (struct iovec){ pool_memory(stream->half), stream->size };
	*message = (struct octets){ whole, 0, stream->size };
	return STREAM_MESSAGE;
}
