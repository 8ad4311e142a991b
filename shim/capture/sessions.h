/* SPDX-License-Identifier: Apache-2.0
 *
 * Which connection a TLS session is on. It is known by the hello with which this side
 * has begun, and then by the session's handle, as a handshake within the session
 * (RFC 5246 7.4.1.1) changes its random numbers where nobody sees it. Bounded and
 * lock-free, in memory of its own that a forked child has a copy of;
 * async-signal-safe.
 */
#pragma once

#include "shim/capture/hello.h"

#define SESSIONS_MAX (1 << 16)

/* What a connection is known by. */
struct sessions_key {
	uint64_t word[HELLO_RANDOM / 8 + 1];
};

struct sessions_key sessions_by_hello(bool server,
				      const uint8_t random[HELLO_RANDOM]);
struct sessions_key sessions_by_handle(const void *session);

/* It is the one of the fd whose state is `state`. Returns false if there is no room: it
 * will not be found. */
bool sessions_add(const struct sessions_key *key, int fd, uint64_t state);

/* Returns the fd of the connection, or -1. */
int sessions_find(const struct sessions_key *key);

/* The key will be another connection's. */
void sessions_forget(const struct sessions_key *key);
