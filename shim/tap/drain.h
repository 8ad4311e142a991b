/* SPDX-License-Identifier: Apache-2.0
 *
 * From the queue to the endpoint: each message is annotated, encoded and handed
 * over, or accounted for. All of it on the tap's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/queue.h"
#include "shim/tap/endpoint/endpoint.h"

struct drain {
	struct queue *queue;
	struct endpoint *endpoint;
	struct annotator *annotator;
	struct encoder *encoder;
	struct aside *aside;
	struct clock_pair clocks; /* the caller's to keep */
	size_t fetched;   /* of a payload's octets, before they are looked at */
	bool recorded;    /* messages stay in the queue until they are sent */
	bool full;        /* the endpoint has no room for the next message */
	uint64_t skipped; /* messages that are not for this tap */
};

/* Returns false when out of memory or threads. */
bool drain_open(struct drain *drain, const struct tap_config *config,
		const struct prepared *prepared, struct queue *queue);
void drain_close(struct drain *drain);

/* Finds what has come in. At the end (`ending`) nothing is waited for. Returns how
 * many messages are pending. */
size_t drain_collect(struct drain *drain, bool ending);

/* Hands over what is pending, as long as the endpoint has room. Returns how many
 * messages are done with. */
size_t drain_pending(struct drain *drain);

/* Messages that are pending or set aside. */
uint64_t drain_waiting(const struct drain *drain);
