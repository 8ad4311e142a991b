/* SPDX-License-Identifier: Apache-2.0
 *
 * What one tap accounts for: a line in the log while messages are dropped, its
 * counts for the metrics, and the metrics' file, whoever's turn it is.
 *
 * All of it on the tap's own thread, but for account_unstarted().
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
#define ACCOUNT_REFUSED "not started: %s; trying again every second"

/* For queue_collect(): nothing is too young. */
#define ACCOUNT_ALL (clock_steady() + NS_PER_S)

struct account {
	const struct tap_config *config;
	size_t index; /* of the tap */
	struct queue *queue;
	struct endpoint *endpoint;
	struct metrics *metrics;

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

/* With the first five members set, and the others zero. */
void account_open(struct account *account);

/* After each turn: logs, publishes and writes whatever is due at `now_ns`. */
void account_settle(struct account *account, uint64_t now_ns);

/* When it has to be settled again, even if nothing happens before. */
uint64_t account_due(const struct account *account);

/* The end has been asked for: publishes and writes what is known by now, for
 * there may be no time for account_close(). */
void account_end(struct account *account);

/* The last word, once everything that is left has been counted. */
void account_close(struct account *account);

/* At the end, for a tap that has no thread, or no memory: what is in its queue
 * (NULL: it has none) is lost; publishes that, and logs it. */
void account_unstarted(struct metrics *metrics, const struct tap_config *config,
		       size_t index, struct queue *queue);
