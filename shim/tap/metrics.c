/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing under a sequence lock, and who writes the file when.
 */
#include "shim/tap/metrics.h"

#include <errno.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/sandbox.h"

static const struct config *config;

void metrics_begin(const struct config *for_taps)
{
	config = for_taps;
}

void metrics_publish(struct metrics *metrics, size_t tap,
		     const struct metrics_counts *counts)
{
	struct metrics_slot *slot = &metrics->slot[tap];
	uint64_t sequence =
		atomic_load_explicit(&slot->sequence, memory_order_relaxed);
	uint64_t from[METRICS_COUNTS];

	memcpy(from, counts, sizeof(from));
	atomic_store_explicit(&slot->sequence, sequence + 1,
			      memory_order_relaxed);
	/* Who reads one of the counts below finds the sequence odd or changed. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < METRICS_COUNTS; i++)
		atomic_store_explicit(&slot->count[i], from[i],
				      memory_order_relaxed);
	atomic_store_explicit(&slot->sequence, sequence + 2,
			      memory_order_release);
}

void metrics_read(struct metrics *metrics, size_t tap,
		  struct metrics_counts *counts)
{
	struct metrics_slot *slot = &metrics->slot[tap];
	uint64_t to[METRICS_COUNTS], before, after;

	do {
		before = atomic_load_explicit(&slot->sequence,
					      memory_order_acquire);
		for (size_t i = 0; i < METRICS_COUNTS; i++)
			to[i] = atomic_load_explicit(&slot->count[i],
						     memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&slot->sequence,
					     memory_order_relaxed);
	} while (before % 2 || before != after);
	memcpy(counts, to, sizeof(to));
}

/* With what no tap's thread has seen. */
static void show(struct metrics *metrics, size_t tap)
{
	struct exposition_tap *shown = &metrics->exposition.tap[tap];
	const struct tap_config *about = &config->taps[tap];
	uint64_t lost = atomic_load(&metrics->lost[tap]);

	shown->socket = about->socket;
	shown->index = tap;
	shown->capacity = (uint64_t)about->queue * CONFIG_QUEUE_UNIT;
	metrics_read(metrics, tap, &shown->counts);
	shown->counts.captured += lost;
	shown->counts.dropped[DROP_UNSTARTED] += lost;
}

static int replace(struct metrics *metrics)
{
	for (size_t i = 0; i < config->n_taps; i++)
		show(metrics, i);
	metrics->exposition.taps = config->n_taps;
	return exposition_replace(&metrics->exposition, config->metrics_path);
}

int metrics_write(struct metrics *metrics)
{
	int error = 0;

	if (!config->metrics_path)
		return 0;
	if (!sandbox_spares(sandbox_metrics))
		return -EPERM;
	atomic_store(&metrics->again, true);
	/* Whoever writes looks at `again` after it has let go of `writing`, and
	 * whoever is refused that has set `again` before. */
	while (atomic_load(&metrics->again) &&
	       !atomic_exchange(&metrics->writing, true)) {
		if (atomic_exchange(&metrics->again, false))
			error = replace(metrics);
		atomic_store(&metrics->writing, false);
	}
	return error;
}

uint64_t metrics_due(const struct metrics *metrics)
{
	return config->metrics_path ? atomic_load(&metrics->due_ns)
				    : UINT64_MAX;
}

bool metrics_take(struct metrics *metrics, uint64_t now_ns)
{
	uint64_t due = metrics_due(metrics);

	return now_ns >= due && atomic_compare_exchange_strong(
					&metrics->due_ns, &due,
					now_ns + METRICS_INTERVAL_S * NS_PER_S);
}

void metrics_join(struct metrics *metrics)
{
	atomic_fetch_add(&metrics->running, 1);
}

void metrics_leave(struct metrics *metrics)
{
	if (atomic_fetch_sub(&metrics->running, 1) == 1)
		metrics_write(metrics);
}
