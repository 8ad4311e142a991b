/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations, counted so that percentiles can be told to 3 %.
 */
#pragma once

#include <stdint.h>

#define HISTOGRAM_BUCKETS 2048

/* All zero: empty. */
struct histogram {
	uint64_t count, most;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* A value that so many of a thousand do not exceed; it is too large by 3 % at the
 * most. 0 if there are none. */
uint64_t histogram_at(const struct histogram *histogram, unsigned permille);
