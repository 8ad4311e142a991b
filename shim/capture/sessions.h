/* SPDX-License-Identifier: Apache-2.0
 *
 * Which connection began with which hello. Bounded and lock-free, in memory of its
 * own that a forked child has a copy of; async-signal-safe.
 */
#pragma once

#include "shim/capture/hello.h"

#define SESSIONS_MAX (1 << 16)

/* The fd, whose state is `state`, is the connection on which this side has sent the
 * hello. Returns false if there is no room: it will not be found. */
bool sessions_add(const struct hello *hello, int fd, uint64_t state);

/* Returns the fd of the connection, or -1. */
int sessions_find(bool server, const uint8_t random[HELLO_RANDOM]);
