/* SPDX-License-Identifier: Apache-2.0
 *
 * One stream of Frame Streams being received: a sender's connection, with the
 * bi-directional handshake or without, or a file.
 */
#pragma once

#include <stdbool.h>

#include "cli/read/frames.h"

/* Takes a data frame. 0, or a positive number to end all reading. */
typedef int frame_fn(void *context, const uint8_t *data, size_t size);

struct decompress;

struct receiver {
	int fd;
	struct decompress
		*decompress; /* of a file, which may need it; or NULL */
	bool socket;         /* it can be answered; one START to STOP */
	bool bidirectional;  /* it said READY and waits for FINISH */
	bool started;        /* between START and STOP */
	bool ended;          /* there was a STOP */
	uint64_t messages;
	uint64_t oversize;
	struct frames frames;
};

/*
 * Reads once and hands on what is whole. Returns 0 to go on; -ENODATA at the
 * stream's proper end; what the frame_fn returned; or why it has to end:
 * -EPIPE (the sender went without STOP), -EPROTO, -EPROTOTYPE (the content is
 * not dnstap), -EBADMSG (what is compressed is damaged), or an error of read(2) or
 * write(2).
 */
int receiver_read(struct receiver *receiver, frame_fn *frame, void *context);

/* Is there more to come from what has been read? poll(2) does not know of it. Few
 * octets may hold gigabytes: others have their turn in between. */
bool receiver_pending(const struct receiver *receiver);

/* As if nothing had been read. */
void receiver_restart(struct receiver *receiver);

/* Closes the descriptor too. */
void receiver_release(struct receiver *receiver);

/* A sentence's end for such an error. */
const char *receiver_error(int error);
