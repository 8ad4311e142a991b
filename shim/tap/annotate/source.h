/* SPDX-License-Identifier: Apache-2.0
 *
 * The address that the kernel sends from to a given destination: of a server's
 * own query from a socket that is bound to no address, nothing else tells it.
 */
#pragma once

#include "shim/event.h"

/* So long an answer of the kernel is relied upon. */
#define SOURCE_AGE_S 5

struct source;

/* Returns NULL when out of memory. */
struct source *source_new(void);
void source_free(struct source *source);

/* Completes an event of known remote and unknown local address, if the kernel
 * answers. `now_ns` is the time of any clock. */
void source_complete(struct source *source, struct event *event,
		     uint64_t now_ns);
