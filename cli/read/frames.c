/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts a stream into frames.
 */
#include "cli/read/frames.h"

#include <errno.h>
#include <fstrm.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH   4
#define ROOM_MIN (64 << 10)

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* What the buffer must hold for the frame at `begin` to become whole. */
static size_t wanted(const struct frames *frames)
{
	size_t have = frames->end - frames->begin;
	uint32_t length;

	if (have < LENGTH)
		return LENGTH;
	length = read32(frames->buffer + frames->begin);
	if (length == 0)
		return 2 * LENGTH + FSTRM_CONTROL_FRAME_LENGTH_MAX;
	return LENGTH + (size_t)length;
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

static int take(struct frames *frames, struct frame *frame, size_t header)
{
	if (frames->end - frames->begin < header + frame->size)
		return 0;
	frame->data = frames->buffer + frames->begin + header;
	frames->begin += header + frame->size;
	return 1;
}

static int next_control(struct frames *frames, struct frame *frame)
{
	if (frames->end - frames->begin < 2 * LENGTH)
		return 0;
	frame->kind = FRAME_CONTROL;
	frame->size = read32(frames->buffer + frames->begin + LENGTH);
	if (frame->size > FSTRM_CONTROL_FRAME_LENGTH_MAX)
		return -EPROTO;
	return take(frames, frame, 2 * LENGTH);
}

int frames_next(struct frames *frames, struct frame *frame)
{
	if (frames->end - frames->begin < LENGTH)
		return 0;
	frame->size = read32(frames->buffer + frames->begin);
	if (frame->size == 0)
		return next_control(frames, frame);
	if (frame->size > FRAMES_SIZE_MAX) {
		frame->kind = FRAME_OVERSIZE;
		frame->data = NULL;
		frames->begin += LENGTH;
		frames->skip = frame->size;
		skip(frames);
		return 1;
	}
	frame->kind = FRAME_DATA;
	return take(frames, frame, LENGTH);
}

void frames_release(struct frames *frames)
{
	free(frames->buffer);
	*frames = (struct frames){ 0 };
}
