/* SPDX-License-Identifier: Apache-2.0
 *
 * What both directions of an HTTP connection have in common: the first that needs it
 * makes it, and leaves it in the fd table for the other. Lock-free;
 * async-signal-safe.
 */
#pragma once

#include "shim/capture/capture.h"
#include "shim/capture/http/http.h"

/* For one direction of the call's connection, which is to close it: once in the
 * connection's life. Returns 0 if there is no memory. */
http_name http_pair_take(const struct capture_call *call,
			 enum http_version version);

/* One direction has taken it, and the other not yet. */
bool http_pair_waits(const struct capture_call *call);

/* The number stands for another socket: nobody comes for what was left. */
void http_pair_drop(struct fd_entry *entry);
