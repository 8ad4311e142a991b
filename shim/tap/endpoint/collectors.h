/* SPDX-License-Identifier: Apache-2.0
 *
 * The collectors that have connected to us. Each gets the messages that come
 * while it is connected. One that does not keep up loses some, and holds up the
 * others for 100 ms at the most; as long as all lag, messages wait in the queue.
 *
 * Anybody may connect. Who has not yet said ACCEPT is a stranger: there is room
 * for many of them, where the oldest gives way to the next once it has had time
 * to say it.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/common.h"
#include "shim/tap/endpoint/endpoint.h"
#include "shim/tap/endpoint/limit.h"
#include "shim/tap/stream/session.h"

#define COLLECTORS_MAX       16  /* that are streamed to */
#define COLLECTORS_PLACES    128 /* with the strangers */
#define COLLECTORS_NAME_SIZE 64
#define COLLECTORS_PATIENCE_NS \
	(100 * NS_PER_MS) /* with one that does not keep up */

struct collector {
	struct session *session; /* NULL: this place is free */
	char name[COLLECTORS_NAME_SIZE];
	uint64_t since;
	bool streamed;       /* has been streaming */
	bool lags;           /* gets nothing until it has taken what it has */
	uint64_t full_since; /* 0: there is room */
	uint64_t last; /* what `given` became by the last that it was given */
	uint64_t lost;
};

static inline bool collector_streams(const struct collector *collector)
{
	return collector->session &&
	       session_state(collector->session) == SESSION_STREAMING;
}

/* All zero but for `config` in the beginning. */
struct collectors {
	const struct tap_config *config;
	uint64_t now;
	struct limit strangers, known; /* what is logged of them */
	struct collector collector[COLLECTORS_PLACES];
	struct session_counts past; /* of those that have left */
	/* Messages: given to at least one; handed to the kernel for one of
	 * those; given to nobody, or only to such as left without them. */
	uint64_t given, sent, lost;
	uint8_t frame[SESSION_FRAME_MAX]; /* copied to each */
};

/* Takes over the fd of a new one. `context`: see transport_accepted. */
void collectors_add(struct collectors *collectors, int fd, void *context,
		    uint64_t now_ns);

/* When one more may be added without harm to a stranger who has not had time
 * to say ACCEPT; a time that has passed: now. */
uint64_t collectors_vacant_at(const struct collectors *collectors);

/* What struct endpoint_ops says; collectors_poll fills up to COLLECTORS_PLACES. */
void collectors_advance(struct collectors *collectors, uint64_t now_ns);
uint8_t *collectors_reserve(struct collectors *collectors, size_t size);
void collectors_commit(struct collectors *collectors, size_t size);
size_t collectors_poll(const struct collectors *collectors, struct pollfd *fds,
		       uint64_t *deadline_ns);
void collectors_stop(struct collectors *collectors);

/* Fills all of *status but `ready`. */
void collectors_status(const struct collectors *collectors,
		       struct endpoint_status *status);

/* Returns how many messages are lost by it. */
uint64_t collectors_close(struct collectors *collectors);
