/* SPDX-License-Identifier: Apache-2.0
 *
 * What one tap counts: a line in the log while messages are dropped, its
 * counts for the metrics, and the metrics' file.
 *
 * All of it on the tap's own thread, but for stats_unstarted().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/queue.h"
#include "shim/tap/endpoint/endpoint.h"
#include "shim/tap/metrics.h"

/* The line about a thread, or memory, that was refused; with strerrordesc_np(3)'s
 * of it. */
#define STATS_REFUSED "not started: %s; trying again every second"

/* For queue_collect(): nothing is too young. */
#define STATS_ALL (clock_steady() + NS_PER_S)

struct stats {
	const struct tap_config *config;
	size_t index; /* of the tap */
	struct queue *queue;
	struct endpoint *endpoint;
	const struct recording *recording;
	struct metrics *metrics;
	int *metrics_lock; /* an fd, of the file that was written */

	uint64_t skipped; /* counted by the tap */
	uint64_t aside;   /* likewise: messages that are queued elsewhere */

	uint64_t captured;    /* when last published */
	int64_t difference;   /* between it and what is known of it */
	uint64_t differs_at;  /* when that stays; 0: there is none */
	uint64_t unaccounted; /* it has stayed */

	uint64_t drop_log_at;
	struct metrics_counts before; /* of an earlier thread of this tap */
	bool write_failed;            /* logged already */
};

/* With the first seven members set, and the others zero. */
void stats_open(struct stats *stats);

/* After each cycle: logs, publishes and writes whatever is due at `now_ns`. */
void stats_settle(struct stats *stats, uint64_t now_ns);

/* When it has to be settled again, even if nothing happens before. */
uint64_t stats_due(const struct stats *stats);

/* The end has been asked for: publishes and writes what is known by now, for
 * there may be no time for stats_close(). */
void stats_end(struct stats *stats);

/* The last word, once everything that is left has been counted. */
void stats_close(struct stats *stats);

/* At the end, for a tap that has no thread, or no memory: what is in its queue
 * (NULL: it has none) is lost; publishes that, and logs it. */
void stats_unstarted(struct metrics *metrics, const struct tap_config *config,
		     size_t index, struct queue *queue);
