/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting one direction of a TCP connection into DNS messages: RFC 1035 4.2.2,
 * each behind a length of two octets, whatever pieces the calls carry.
 *
 * A message that lies in one call's octets is handed on where it stands; only
 * one that is spread over several is put together in a block of the pool.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "shim/capture/pool.h"

/* A position in an iovec, and how many octets there are from it. */
struct octets {
	const struct iovec *iov;
	size_t skip; /* octets of *iov that are before it */
	size_t left;
};

/* Copies, copies and passes, or passes `size` (<= left) octets. */
void octets_copy(const struct octets *octets, uint8_t *to, size_t size);
void octets_take(struct octets *octets, uint8_t *to, size_t size);
void octets_pass(struct octets *octets, size_t size);

/* All zero: at the beginning of a stream. */
struct stream {
	pool_block half; /* holds `have` octets of the message */
	uint16_t size;   /* of the message, once its length is known */
	uint16_t have;   /* of its octets that have gone by */
	uint8_t length[2];
	uint8_t length_have;
	bool lost;  /* the message goes by without being kept */
	bool begun; /* a message has gone by */
};

enum stream_cut {
	STREAM_MORE,      /* no octets left; the message is not whole yet */
	STREAM_MESSAGE,   /* *message stands there */
	STREAM_SHORT,     /* a message too short for a header went by */
	STREAM_NO_MEMORY, /* a message went by that the pool had no block for */
	STREAM_NONSENSE,  /* this is no DNS; do not call again */
};

/* Goes on to the end of the next message. On STREAM_MESSAGE, *message is its
 * octets, to be copied before the next call. */
enum stream_cut stream_next(struct stream *stream, struct octets *octets,
			    struct octets *message, struct iovec *whole);

/* Gives back what the stream holds: the message that it is in is lost, the next
 * is not. */
void stream_abandon(struct stream *stream);

/* Likewise, and it is all zero again. */
void stream_reset(struct stream *stream);
