/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets in, frames of Frame Streams out. No I/O; safe for any input; memory
 * for one frame of FRAMES_SIZE_MAX octets at most.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A longer frame is skipped. What libfstrm's own reader allows; a Dnstap
 * message with the longest DNS message is a little over 64 KiB. */
#define FRAMES_SIZE_MAX (1 << 20)

enum frame_kind {
	FRAME_DATA,
	FRAME_CONTROL,
	FRAME_OVERSIZE, /* no data: it is being skipped */
};

struct frame {
	enum frame_kind kind;
	int control; /* its type, FSTRM_CONTROL_… */
	/* Of a data frame; valid until the next frames_space(). */
	const uint8_t *data;
	size_t size;
};

/* All zero: empty. */
struct frames {
	uint8_t *buffer;
	size_t begin, end, room;
	uint64_t skip; /* octets of an oversize frame that are still to come */
};

/* Where to put the next octets, and how many fit (more than 0).
 * Returns 0 or -ENOMEM. */
int frames_space(struct frames *frames, uint8_t **space, size_t *size);

/* `size` octets were put there. */
void frames_filled(struct frames *frames, size_t size);

/* The next frame: 1; 0 if more octets are needed; -EPROTO if this can be no
 * Frame Streams, -EPROTOTYPE if they are not dnstap's; or -ENOMEM. */
int frames_next(struct frames *frames, struct frame *frame);

/* Whether a part of a frame is waiting for the rest. */
static inline int frames_partial(const struct frames *frames)
{
	return frames->begin < frames->end || frames->skip;
}

void frames_release(struct frames *frames);
