/* SPDX-License-Identifier: Apache-2.0
 *
 * Receives any number of streams at once: files, the senders that connect to
 * any number of listening sockets, and taps that listen. One thread, one poll
 * loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/read/receiver.h"

struct collector;

/* A positive return ends the loop. */
struct collector_events {
	frame_fn *frame; /* a message came in */
	int (*signal)(void *context, int signal);
	int (*idle)(void *context); /* what was at hand has been delivered */
	void *context;
};

/* timeout: for a sender's handshake, ms; 0: none. Returns NULL when out of
 * memory. SIGINT, SIGTERM and SIGHUP are blocked from here on. */
struct collector *collector_new(const struct collector_events *events,
				int timeout);

/* Each adds a source. They say on stderr what they opened or why they could
 * not, and return 0 or an exit status of sysexits(3). */
int collector_unix(struct collector *collector, const char *path, mode_t mode);
int collector_tcp(struct collector *collector, const char *address);
int collector_connect(struct collector *collector, const char *where);
int collector_file(struct collector *collector, const char *path); /* or - */
/* It may grow, and others may take its place: it does not end. */
int collector_follow(struct collector *collector, const char *path);
int collector_activated(struct collector *collector, int fd); /* listens */

/* Has `ready` called, with the context of the events, when there is something to read at
 * an fd, which stays the caller's; its positive return ends the loop, which then goes
 * on without sources, too. Of COLLECTOR_WATCHES fds at the most. */
#define COLLECTOR_WATCHES 2
void collector_watch(struct collector *collector, int fd,
		     int (*ready)(void *context));

/* Until a callback returns a positive number, or the last file has ended and
 * nothing listens, connects or is watched. Returns EX_OK, or EX_DATAERR if a file was not in
 * order. */
int collector_run(struct collector *collector);

/* How many octets of the files have been read. Returns false if there is anything
 * but files, of which the size is known. */
bool collector_progress(const struct collector *collector, uint64_t *done,
			uint64_t *total);

void collector_free(struct collector *collector);
