/* SPDX-License-Identifier: Apache-2.0
 *
 * One thing that the collector polls: a listening socket, a sender's
 * connection, a tap that we connect to, or a file.
 */
#pragma once

#include "cli/read/outgoing.h"
#include "cli/read/receiver.h"

struct source {
	char *name;                /* the path or the address, as given */
	bool listens;              /* otherwise a stream */
	bool unlink;               /* the name is ours to remove */
	struct outgoing *outgoing; /* we connect, again and again; or NULL */
	unsigned connections;      /* of a listener, so far */
	unsigned number;           /* of a connection; 0: a file */
	int64_t deadline;         /* of the handshake, or to connect; 0: none */
	struct receiver receiver; /* a listener uses its fd only */
};

/* Milliseconds of a steady clock, for deadlines. */
int64_t source_clock(void);

/* Connects to the tap; timeout: for its handshake, ms; 0: none. */
void source_connect(struct source *source, int timeout);

/* The tap has greeted us: this is a connection. */
void source_connected(struct source *source);

/* It is not there, or did not greet us: says so once, and sets the time of the
 * next attempt. */
void source_failed(struct source *source, int error);

/* Closes the connection and sets the time of the next attempt. */
void source_disconnect(struct source *source);

/* Says how a stream ended; error as receiver_read returned it. */
void source_report_end(const struct source *source, int error);
