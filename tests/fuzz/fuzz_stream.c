/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream cutter on any octets in any pieces: the first octet of the input
 * says how long the pieces are. Whole and in pieces the same comes out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim/capture/stream.h"

struct sum {
	uint64_t messages, octets, hash;
};

static bool feed(struct stream *stream, const uint8_t *data, size_t size,
		 struct sum *sum)
{
	struct iovec iov = { (void *)data, size };
	struct octets octets = { .iov = &iov, .left = size };
	struct stream_found found;
	static uint8_t copy[65535];

	stream->may = STREAM_MAY_PROXY | STREAM_MAY_DNS;
	for (;;) {
		switch (stream_next(stream, &octets, &found)) {
		case STREAM_MESSAGE:
			sum->messages++;
			sum->octets += found.message.left;
			size = found.message.left;
			octets_copy(&found.message, copy, size);
			for (size_t i = 0; i < size; i++)
				sum->hash = sum->hash * 31 + copy[i];
			break;
		case STREAM_INTRODUCTION:
			sum->hash = sum->hash * 31 + found.proxy.source_port;
			break;
		case STREAM_MORE:
			*stream = stream_unpack(stream_pack(stream));
			return true;
		case STREAM_GIVEN_UP:
			return false;
		default:
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream whole = { 0 }, pieces = { 0 };
	struct sum a = { 0 }, b = { 0 };
	bool good = true;

	if (!size)
		return 0;
	size_t piece = 1 + *data++;
	bool kept = feed(&whole, data, --size, &a);
	for (size_t at = 0; at < size && good; at += piece)
		good = feed(&pieces, data + at,
			    size - at < piece ? size - at : piece, &b);
	if (good != kept || memcmp(&a, &b, sizeof(a)))
		abort();
	stream_abandon(&whole);
	stream_abandon(&pieces);
	return 0;
}
