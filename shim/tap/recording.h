/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tap does so that a crash loses nothing: it records what it has in a file,
 * and sends before that what an earlier process has left in its own. All of it on
 * the tap's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/queue.h"
#include "shim/tap/endpoint/endpoint.h"

struct recorder;
struct predecessor;

struct recording {
	const struct config *config;
	size_t tap;
	struct queue *queue;
	struct endpoint *endpoint;

	uint64_t due;                     /* to open the recorder */
	struct recorder *recorder;        /* NULL: there is none, or none yet */
	bool heir;                        /* there may be a predecessor */
	struct predecessor *predecessor;  /* whose messages are being sent */
	struct endpoint_status began;     /* when they began to be */
	struct endpoint_status inherited; /* by those before */
};

/* With the first four members set, and the others zero. */
void recording_begin(struct recording *recording,
		     const struct clock_pair *clocks);

/* Once in each cycle. */
void recording_settle(struct recording *recording,
		      const struct clock_pair *clocks);

/* Messages stay in the queue until they are sent. */
static inline bool recording_records(const struct recording *recording)
{
	return recording->recorder;
}

/* Of what the endpoint says, what is of this process's own messages. */
void recording_own(const struct recording *recording,
		   struct endpoint_status *status);

/* Whenever the endpoint may have sent something. */
void recording_sent(struct recording *recording);

/* Hands over what a predecessor has left, if it has and the endpoint is `ready`.
 * Returns how many messages; with *others, those of this process wait. */
size_t recording_inherit(struct recording *recording, bool *others);

/* The end has been asked for: no more of the predecessor's are handed over. */
void recording_stop(struct recording *recording);
void recording_end(struct recording *recording);
