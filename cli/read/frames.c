/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts a stream into frames.
 */
#include "cli/read/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/tap/stream/frame.h"

#define ROOM_MIN (64 << 10)

/* What the buffer must hold for the frame at `begin` to become whole. */
static size_t wanted(const struct frames *frames)
{
	size_t have = frames->end - frames->begin;
	size_t size;

	if (have < FRAME_LENGTH_SIZE)
		return FRAME_LENGTH_SIZE;
	size = frame_size(frames->buffer + frames->begin);
	return size > FRAME_LENGTH_SIZE ? size : FRAME_CONTROL_MAX;
}

int frames_space(struct frames *frames, uint8_t **space, size_t *size)
{
	size_t have = frames->end - frames->begin;
	size_t room = wanted(frames);
	uint8_t *buffer;

	if (room < ROOM_MIN)
		room = ROOM_MIN;
	if (frames->begin > 0) {
		memmove(frames->buffer, frames->buffer + frames->begin, have);
		frames->begin = 0;
		frames->end = have;
	}
	if (frames->room < room) {
		buffer = realloc(frames->buffer, room);
		if (!buffer)
			return -ENOMEM;
		frames->buffer = buffer;
		frames->room = room;
	}
	*space = frames->buffer + frames->end;
	*size = frames->room - frames->end;
	return 0;
}

static void skip(struct frames *frames)
{
	size_t have = frames->end - frames->begin;

	if (have > frames->skip)
		have = frames->skip;
	frames->begin += have;
	frames->skip -= have;
}

void frames_filled(struct frames *frames, size_t size)
{
	frames->end += size;
	skip(frames);
}

static int next_control(struct frames *frames, struct frame *frame)
{
	size_t size;
	int type = frame_type(frames->buffer + frames->begin,
			      frames->end - frames->begin, &size);

	if (type <= 0)
		return type;
	*frame = (struct frame){ .kind = FRAME_CONTROL, .control = type };
	frames->begin += size;
	return 1;
}

static int next_data(struct frames *frames, struct frame *frame, size_t size)
{
	if (frames->end - frames->begin < FRAME_LENGTH_SIZE + size)
		return 0;
	frames->begin += FRAME_LENGTH_SIZE;
	*frame = (struct frame){ .kind = FRAME_DATA,
				 .data = frames->buffer + frames->begin,
				 .size = size };
	frames->begin += size;
	return 1;
}

static int next_oversize(struct frames *frames, struct frame *frame,
			 size_t size)
{
	*frame = (struct frame){ .kind = FRAME_OVERSIZE, .size = size };
	frames->begin += FRAME_LENGTH_SIZE;
	frames->skip = size;
	skip(frames);
	return 1;
}

int frames_next(struct frames *frames, struct frame *frame)
{
	size_t size;

	if (frames->end - frames->begin < FRAME_LENGTH_SIZE)
		return 0;
	size = frame_size(frames->buffer + frames->begin) - FRAME_LENGTH_SIZE;
	if (size == 0)
		return next_control(frames, frame);
	if (size > FRAMES_SIZE_MAX)
		return next_oversize(frames, frame, size);
	return next_data(frames, frame, size);
}

void frames_release(struct frames *frames)
{
	free(frames->buffer);
	*frames = (struct frames){ 0 };
}
