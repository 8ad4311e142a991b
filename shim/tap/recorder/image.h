/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in a flight recorder's file (format.h): read into memory of our own,
 * checked, and given out as the messages that it holds, in their order.
 *
 * Whoever wrote the file may have been another version, or ill-disposed; and it may
 * still be written, or cut, while it is read. So nothing in it is believed before
 * it has been copied and checked, and it is never mapped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"
#include "shim/tap/recorder/format.h"

/* Of a sentence's end that says what is wrong with a file, and what to do. */
#define IMAGE_ERROR_MAX 256

enum image_state {
	IMAGE_UNSENT,
	IMAGE_SENT,      /* or looked at, and left out */
	IMAGE_DEPARTING, /* in the call that sends it: nobody knows if it left */
	IMAGE_STATES     /* how many */
};

struct image_message {
	struct event *event; /* in the image: may be changed in place */
	enum image_state state;
	uint32_t run, slot;
	uint64_t generation; /* of the run, when it was written */
	uint64_t order;      /* in that of sending; 0: none was assigned */
	uint32_t octets;     /* likewise, of its frame with its length */
};

struct run;

struct image {
	struct recorder_header header; /* without the text */
	char *text;                    /* NUL-terminated */
	struct run *run;               /* a copy of each */
	struct image_message *message; /* by stamp, then part */
	size_t count;
	uint64_t counts[IMAGE_STATES];
	uint64_t torn;    /* being copied when the end came: they are lost */
	uint64_t damaged; /* no message can look like that */
};

/*
 * Opens the file, without waiting for whatever it is. Returns the fd; or -errno,
 * -EINVAL for what is no regular file, and why in `error`.
 */
int image_open(const char *path, char error[IMAGE_ERROR_MAX]);

/* Reads it. Returns 0 and *image (release with image_free); or -EINVAL for what
 * is no recorder's file or not this version's, -ENODATA for one that is empty,
 * -ENOMEM, or -errno, and why in `error`. */
int image_read(int fd, struct image *image, char error[IMAGE_ERROR_MAX]);
void image_free(struct image *image);

/* Nanoseconds since the epoch. */
static inline uint64_t image_wall(const struct image *image, uint64_t stamp_ns)
{
	return stamp_ns + image->header.wall_offset_ns;
}

/* The runs' marks and notes → the messages. Part of image_read. Returns 0 or
 * -ENOMEM. */
int image_list(struct image *image);
