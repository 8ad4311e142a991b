/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends frames to a collector, waiting where a tap may not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/tap/stream/session.h"

/* All zero: none. */
struct sender {
	/* A collector that is not there, or goes, is waited for: until SIGINT or
	 * SIGTERM is pending. To be set before the sender is opened. */
	bool patient;
	bool reported; /* that it is not there */
	struct tap_config to;
	char *text; /* that its parts point into */
	struct session *session;
	uint64_t given;
};

/* To a unix socket, or HOST:PORT, which stood behind `option`. Returns an exit
 * status; what is wrong has been said. */
int sender_unix(struct sender *sender, const char *path);
int sender_tcp(struct sender *sender, const char *option,
	       const char *host_port);

/* Returns 0 when the frame will be sent; or -errno when the connection is lost,
 * which has been said, or -EINTR. */
int sender_frame(struct sender *sender, const uint8_t *data, size_t size);

/* Waits until the kernel has all of it. Returns likewise. */
int sender_flush(struct sender *sender);

/* Sends what is left and takes leave. Returns an exit status: EX_OK if the
 * collector has acknowledged all; otherwise what it took has been said. */
int sender_finish(struct sender *sender);
void sender_free(struct sender *sender);
