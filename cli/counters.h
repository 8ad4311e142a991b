/* SPDX-License-Identifier: Apache-2.0
 *
 * The taps' counters out of the Prometheus text file that DNSTAP_METRICS names.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "shim/drop.h"

struct tap_counters {
	char *tap;   /* SOCKET as configured */
	char *index; /* tells taps on the same SOCKET apart */
	uint64_t captured, sent, octets, skipped, queued, high_water, capacity;
	uint64_t up, connects, disconnects, handshake_failures;
	uint64_t dropped[DROP_CAUSE_COUNT];
};

/* All zero: none. */
struct counters {
	struct timespec written; /* the file, by its time of modification */
	struct tap_counters *taps;
	size_t n;
};

/* Returns 0; -EINVAL if the file holds no counters of ours; or -errno.
 * *counters is assigned in any case; release with counters_free. */
int counters_read(struct counters *counters, const char *path);
void counters_free(struct counters *counters);

/* The counters of the same tap in another reading, or NULL. */
const struct tap_counters *counters_find(const struct counters *counters,
					 const struct tap_counters *same);

uint64_t counters_dropped(const struct tap_counters *tap);

/* The causes that have counted: " queue_full=4 endpoint=2". */
void counters_print_causes(const struct tap_counters *tap, FILE *out);
