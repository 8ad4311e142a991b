/* SPDX-License-Identifier: Apache-2.0
 *
 * One flight recorder's file, and what is wanted of it.
 */
#pragma once

#include "shim/tap/recorder/recorders.h"

/* Takes a Dnstap message. Returns 0, or -errno to end it. */
typedef int recording_fn(void *context, const uint8_t *data, size_t size);

struct recording {
	const char *path;
	enum recorders_hold hold;
	bool all; /* also what was sent, or may have been */
	recording_fn *frame;
	void *context;

	int fd;        /* holds the file; -1: not open */
	bool complete; /* all that was wanted has been passed on */
	int error;     /* of the recording_fn; 0: none */
};

/* Passes on each message that is wanted, in order, and says on stderr what the
 * file has. Sets fd, complete and error. Returns an exit status. */
int recording_read(struct recording *recording);
