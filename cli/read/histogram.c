/* SPDX-License-Identifier: Apache-2.0
 *
 * 32 buckets for each power of two, and one for each value below 32.
 */
#include "cli/read/histogram.h"

#define FINE_BITS 5
#define FINE      (1u << FINE_BITS)

static unsigned bucket_of(uint64_t value)
{
	unsigned power;

	if (value < FINE)
		return (unsigned)value;
	power = 63 - __builtin_clzll(value);
	return (power - FINE_BITS + 1) * FINE +
	       (unsigned)(value >> (power - FINE_BITS) & (FINE - 1));
}

/* The largest value in it. */
static uint64_t end_of(unsigned bucket)
{
	unsigned shift = bucket / FINE - 1;

	if (bucket < FINE)
		return bucket;
	return ((uint64_t)(FINE + bucket % FINE) << shift) +
	       ((uint64_t)1 << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->bucket[bucket_of(value)]++;
	histogram->count++;
	if (value > histogram->most)
		histogram->most = value;
}

uint64_t histogram_at(const struct histogram *histogram, unsigned permille)
{
	uint64_t wanted = (histogram->count * permille + 999) / 1000, seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen < wanted || !seen)
			continue;
		return end_of(i) < histogram->most ? end_of(i)
						   : histogram->most;
	}
	return histogram->most;
}
