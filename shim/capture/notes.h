/* SPDX-License-Identifier: Apache-2.0
 *
 * What a thread has noted for the next message that it sends: metadata, in memory of
 * its own. While thread_state.noted is false there is none, and nothing here is called.
 */
#pragma once

#include <stddef.h>

/* Of one message: proto/metadata.h. */
#define NOTES_MAX 256

/* `fd`: on which it is to be sent; -1: on any. What was noted for another socket is
 * dropped; all is, if `key` is NULL. Returns 0, -ENOSPC, or -EBUSY where a signal
 * handler has interrupted a call that may be about to take it. */
int notes_add(int fd, const char *key, const char *value);

/* Within a call (enqueue.h): takes what was noted for this fd. It stays where it is until
 * the call is over. Returns its size, or 0. */
size_t notes_take(int fd, const char **octets);
