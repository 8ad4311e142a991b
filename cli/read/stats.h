/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary of many messages: what was asked, by whom, and how it was answered.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dnstap.pb-c.h"

enum stats_ranking {
	STATS_NAMES,
	STATS_CLIENTS,
	STATS_TYPES,
	STATS_RCODES,
	STATS_RANKINGS
};

struct stats;

/* keys: names, or clients, beyond which no new one is kept; 0: a million. Returns
 * NULL when out of memory. */
struct stats *stats_new(size_t keys);
void stats_free(struct stats *stats);

/* Returns 0 or -ENOMEM. */
int stats_add(struct stats *stats, const Dnstap__Message *message);

void stats_print(const struct stats *stats, FILE *out);

struct stats_row {
	uint64_t number;
	double percent;
	char label[1104]; /* without control characters */
};

/* Fills `rows` with the `n` largest of a ranking, STATS_TOP at most. Returns how many
 * there are. */
#define STATS_TOP 100
size_t stats_top(const struct stats *stats, enum stats_ranking which,
		 struct stats_row *rows, size_t n);
const char *stats_title(const struct stats *stats, enum stats_ranking which);

/* Of queries and their responses. Latencies are nanoseconds. */
struct stats_sums {
	uint64_t messages, queries, unanswered;
	uint64_t latencies; /* that are known */
};

struct stats_sums stats_sums(const struct stats *stats);
uint64_t stats_latency(const struct stats *stats, unsigned permille);
