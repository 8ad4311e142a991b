/* SPDX-License-Identifier: Apache-2.0
 *
 * Who writes the file when, and what it shows.
 */
#include "shim/tap/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/own_fds.h"
#include "shim/base/rest.h"
#include "shim/base/sandbox.h"

/* With a writer that nothing is heard of any more: it has jumped out of its call. */
#define PATIENCE_NS NS_PER_S

static const struct config *_Atomic config;

/* Bits: taps that are no more, those of them that change no more, and those that a file
 * has shown since. */
static _Atomic uint64_t removed, retired, gone;

void metrics_change(const struct config *for_taps, uint64_t removes)
{
	atomic_fetch_or(&removed, removes);
	config = for_taps;
}

void metrics_begin(const struct config *for_taps)
{
	removed = retired = gone = 0;
	metrics_change(for_taps, 0);
}

void metrics_retire(size_t tap)
{
	atomic_fetch_or(&retired, UINT64_C(1) << tap);
}

void metrics_publish(struct metrics *metrics, size_t tap,
		     const struct metrics_counts *counts)
{
	struct metrics_slot *slot = &metrics->slot[tap];

	published_write(&slot->published, slot->count, counts, sizeof(*counts));
}

void metrics_read(struct metrics *metrics, size_t tap,
		  struct metrics_counts *counts)
{
	struct metrics_slot *slot = &metrics->slot[tap];

	published_read(&slot->published, slot->count, counts, sizeof(*counts));
}

void metrics_show(struct metrics *metrics, size_t tap,
		  struct exposition_tap *shown)
{
	const struct tap_config *about = &atomic_load(&config)->taps[tap];
	uint64_t lost = atomic_load(&metrics->lost[tap]);

	shown->socket = about->socket;
	shown->index = tap;
	shown->capacity = (uint64_t)about->queue * CONFIG_QUEUE_UNIT;
	metrics_read(metrics, tap, &shown->counts);
	shown->counts.captured += lost;
	shown->counts.dropped[DROP_UNSTARTED] += lost;
}

/* With what was inherited. One that was removed before this process was forked has
 * nothing to show. */
static void show(struct metrics *metrics, size_t tap)
{
	struct exposition *exposition = &metrics->exposition;
	struct exposition_tap *shown = &exposition->tap[exposition->taps];

	metrics_show(metrics, tap, shown);
	relatives_add(&metrics->relatives, tap, shown);
	exposition->taps += !(removed >> tap & 1) || shown->counts.captured;
}

/* By the places of the taps. */
static void remember(struct metrics *metrics)
{
	const struct exposition *exposition = &metrics->exposition;

	memset(metrics->shown, 0, sizeof(metrics->shown));
	for (size_t i = 0; i < exposition->taps; i++) {
		const struct exposition_tap *tap = &exposition->tap[i];

		metrics->shown[tap->index] = *tap;
	}
}

static int replace(struct metrics *metrics, int *lock)
{
	struct exposition *exposition = &metrics->exposition;
	const struct config *now = config;
	uint64_t shown = atomic_load(&retired);
	int error;

	exposition->taps = 0;
	for (size_t i = 0; i < now->n_taps; i++)
		if (!(gone >> i & 1))
			show(metrics, i);
	error = exposition_replace(exposition, now->metrics_path, lock);
	if (error)
		return error;
	remember(metrics);
	gone = shown;
	return 0;
}

/* A number among the processes of the program, and the counts that come with it. */
static int claim(struct metrics *metrics, int *lock)
{
	struct exposition *exposition = &metrics->exposition;
	int error;

	exposition->program = config->program ? config->program : "";
	if (metrics->claimed &&
	    relatives_check(&metrics->relatives, config, exposition))
		metrics->claimed = false;
	if (metrics->claimed)
		return 0;
	error = relatives_claim(&metrics->relatives, config, exposition, lock);
	metrics->claimed = !error;
	return error;
}

/* Where no thread has held the file since it was written, it may be another's by now.
 * Returns an fd that holds it, or -1. */
static int hold(struct metrics *metrics)
{
	const struct exposition *shown = &metrics->exposition;
	int held;

	if (!shown->inode || shown->holder)
		return -1;
	held = exposition_hold(AT_FDCWD, shown->path, shown->device,
			       shown->inode);
	if (held < 0) {
		relatives_disinherit(&metrics->relatives, metrics->shown,
				     shown->shows ? config->n_taps : 0);
		metrics->claimed = false;
	}
	return held;
}

static int place(struct metrics *metrics, int *lock)
{
	int held = hold(metrics);
	int error = claim(metrics, lock);

	if (!error)
		error = replace(metrics, lock);
	if (held >= 0)
		close(held);
	return error;
}

int metrics_write(struct metrics *metrics, int *lock)
{
	int error = 0;

	if (!atomic_load(&config)->metrics_path)
		return 0;
	if (!sandbox_spares(sandbox_metrics))
		return -EPERM;
	atomic_store(&metrics->again, true);
	/* Whoever writes looks at `again` after it has let go of `writing`, and
	 * whoever is refused that has set `again` before. */
	while (atomic_load(&metrics->again) &&
	       !atomic_exchange(&metrics->writing, true)) {
		if (atomic_exchange(&metrics->again, false))
			error = place(metrics, lock);
		atomic_store(&metrics->writing, false);
	}
	return error;
}

uint64_t metrics_due(const struct metrics *metrics)
{
	return atomic_load(&config)->metrics_path
		       ? atomic_load(&metrics->due_ns)
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
	atomic_fetch_add(&metrics->present, 1);
	atomic_fetch_add(&metrics->running, 1);
}

int metrics_write_last(struct metrics *metrics, int *lock)
{
	uint64_t began = clock_steady();
	int error = metrics_write(metrics, lock);

	while (atomic_load(&metrics->writing) || atomic_load(&metrics->again)) {
		if (clock_steady() - began > PATIENCE_NS)
			return -EBUSY;
		rest(NS_PER_MS);
	}
	return error;
}

void metrics_leave(struct metrics *metrics, int *lock)
{
	if (atomic_fetch_sub(&metrics->running, 1) == 1)
		metrics_write_last(metrics, lock);
	atomic_fetch_sub(&metrics->present, 1);
}

/* Of one who has `writing`. */
static bool is_needed(struct metrics *metrics, const int *lock)
{
	return *lock > 0 && metrics->exposition.holder == lock &&
	       atomic_load(&metrics->present);
}

static void let_go(struct metrics *metrics, int *lock)
{
	if (metrics->exposition.holder == lock)
		metrics->exposition.holder = NULL;
	if (*lock > 0)
		own_fds_close(*lock);
	*lock = 0;
}

bool metrics_release(struct metrics *metrics, int *lock)
{
	bool needed;

	if (atomic_exchange(&metrics->writing, true))
		return false;
	needed = is_needed(metrics, lock);
	if (needed)
		atomic_store(&metrics->due_ns, 0);
	else
		let_go(metrics, lock);
	atomic_store(&metrics->writing, false);
	/* Somebody may have left that to us. */
	if (atomic_load(&metrics->again))
		metrics_write(metrics, lock);
	return !needed && !*lock;
}
