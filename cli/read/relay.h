/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages on to other collectors, every one to each of them. One that is not there
 * holds everything up until it is: nothing is lost, and senders have queues.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cli/sender.h"

#define RELAY_MAX 8

/* All zero: none. */
struct relay {
	size_t count;
	struct {
		char option; /* T: HOST:PORT, U: a path */
		const char *where;
		struct sender sender;
	} to[RELAY_MAX];
};

/* Returns EX_OK, or complains and returns EX_USAGE. */
int relay_add(struct relay *relay, char option, const char *where);

/* Returns an exit status; what is wrong has been said. */
int relay_open(struct relay *relay);

/* Each returns 0, or -EINTR: SIGINT or SIGTERM is pending. */
int relay_frame(struct relay *relay, const uint8_t *data, size_t size);
int relay_flush(struct relay *relay);

/* Returns EX_OK if all collectors have acknowledged everything. */
int relay_close(struct relay *relay);
