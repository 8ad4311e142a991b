/* SPDX-License-Identifier: Apache-2.0
 *
 * A Frame Streams sender on one transport: the handshake, data frames, the
 * farewell. A state machine that never waits; every state that depends on the
 * collector has a deadline.
 *
 * Bidirectional: READY, await ACCEPT, START, data …, STOP, await FINISH.
 * Unidirectional: START, data …, STOP; so are files, where a stream that has no
 * room for the next frame, or whose time has come, ends and another begins.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/tap/transport/transport.h"

/* The smallest frame limit seen in a collector is 64 KiB, the next 96 KiB; a
 * message of 65,535 octets fits the latter with all that stands beside it. */
#define SESSION_FRAME_MAX (96 * 1024)

#define SESSION_CONNECT_MS   5000  /* until the transport is established */
#define SESSION_HANDSHAKE_MS 5000  /* until ACCEPT has come */
#define SESSION_STALL_MS     60000 /* without an octet taken */
#define SESSION_FINISH_MS    250 /* until FINISH; everything is sent by then */

enum session_state {
	SESSION_CLOSED,
	SESSION_CONNECTING,
	SESSION_GREETING, /* READY is out, or on its way; awaiting ACCEPT */
	SESSION_STREAMING,
	SESSION_STOPPING, /* STOP is out, or on its way; awaiting FINISH */
};

struct session;

/* What the session has done since it was made. */
struct session_counts {
	uint64_t frames; /* wholly handed to the kernel */
	uint64_t octets; /* of those frames, with their lengths */
	uint64_t connects;
	uint64_t disconnects; /* of a session that had been streaming */
	uint64_t handshake_failures;
	uint64_t finished; /* by the collector's FINISH */
	uint64_t up;       /* that are streaming just now */
	uint64_t missed; /* frames that a collector among several did not get */
};

/* Returns NULL when out of memory. Takes the transport over. */
struct session *session_new(struct transport *transport, bool unidirectional);
void session_free(struct session *session);

/* From now on `progress` says how far the frames have come, as if `frames` had been
 * sent so far. It must stay; NULL: no longer. */
void session_record(struct session *session, struct progress *progress,
		    uint64_t frames);

/* From CLOSED: begins to connect. Returns 0 or -errno, CLOSED again. */
int session_open(struct session *session, uint64_t now_ns);

/* Goes as far as it can without waiting. Returns 0, or, when the connection is
 * lost, -errno: the session is CLOSED then, and frames that were not wholly
 * written are kept for the next connection. -ECONNRESET also stands for an
 * orderly end by the collector, -ETIMEDOUT for a deadline, -EOWNERDEAD for the host that
 * has taken the number of our fd. After session_stop
 * neither is an error if everything is sent. */
int session_advance(struct session *session, uint64_t now_ns);

/* Room for a data frame of up to `size` octets, or NULL if there is none just
 * now. Possible in every state; what is committed is sent when streaming. */
uint8_t *session_reserve(struct session *session, size_t size);
void session_commit(struct session *session, size_t size);

/* Sends what is there, then STOP; CLOSED after FINISH. */
void session_stop(struct session *session);

/* Closes at once. Frames that were not wholly written are kept. */
void session_close(struct session *session);

/* Forgets those frames. */
void session_discard(struct session *session);

enum session_state session_state(const struct session *session);
const struct session_counts *session_counts(const struct session *session);

/* For the log: what is connected; and why it no longer is, beyond the errno, or
 * "" if there is no more to say. */
const char *session_about(const struct session *session);
const char *session_error(const struct session *session);

/* Frames that were committed but not wholly written. */
uint64_t session_unsent(const struct session *session);

/* For poll(2): the fd (or -1) and events to wait for, and the time of the next
 * deadline (UINT64_MAX: none). */
int session_poll(const struct session *session, short *events,
		 uint64_t *deadline_ns);
