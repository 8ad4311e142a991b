/* SPDX-License-Identifier: Apache-2.0
 *
 * The address that the kernel sends from to a given destination: of a server's
 * own query from a socket that is bound to no address, nothing else tells it.
 */
#pragma once

#include "proto/event.h"

/* So long an answer of the kernel is relied upon. */
#define SOURCE_AGE_S 5

struct local_addresses;

/* Returns NULL when out of memory. */
struct local_addresses *local_addresses_new(void);
void local_addresses_free(struct local_addresses *addresses);

/* Completes an event of known remote and unknown local address, if the kernel
 * answers. `now_ns` is the time of any clock. */
void local_addresses_complete(struct local_addresses *addresses,
			      struct event *event, uint64_t now_ns);
