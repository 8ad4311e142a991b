/* SPDX-License-Identifier: Apache-2.0
 *
 * What one tap accounts for: a line in the log while messages are dropped, its
 * counts for the metrics, and, for the first tap, the metrics' file.
 *
 * All of it on the tap's own thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/queue.h"
#include "shim/tap/endpoint.h"
#include "shim/tap/metrics.h"

struct account {
	const struct tap_config *config;
	size_t index; /* of the tap */
	struct queue *queue;
	struct endpoint *endpoint;
	struct metrics *metrics;

	uint64_t skipped; /* counted by the tap */
	uint64_t queued_most;
	uint64_t drop_logged, drop_log_at;
	uint64_t
		write_at; /* when the file is due; UINT64_MAX: another's task */
	bool write_failed; /* logged already */
};

/* With the first five members set, and the others zero. */
void account_open(struct account *account);

/* After each turn: logs, publishes and writes whatever is due at `now_ns`. */
void account_settle(struct account *account, uint64_t now_ns);

/* When it has to be settled again, even if nothing happens before. */
uint64_t account_due(const struct account *account);

/* The last word, once everything that is left has been counted. */
void account_close(struct account *account);
