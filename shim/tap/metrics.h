/* SPDX-License-Identifier: Apache-2.0
 *
 * The taps' counters in Prometheus's text format, for one process.
 *
 * Each tap's thread publishes its own; whichever finds the file due writes it,
 * and at the end each does. Nothing here allocates, and no stream of stdio is
 * opened.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/base/published.h"
#include "shim/drop.h"
#include "shim/tap/exposition.h"
#include "shim/tap/relatives.h"
#include "shim/tap/report.h"

#define METRICS_INTERVAL_S 10

/* What one tap's thread has published. */
struct metrics_slot {
	struct published published;
	_Atomic uint64_t count[PUBLISHED_WORDS(struct metrics_counts)];
};

/* The counters of one process: all zero where it begins. What a forked child
 * inherits has to be zeroed. */
struct metrics {
	/* Messages that passed while there was no queue for them; anybody
	 * counts. They are part of `captured`, and of its drops. */
	_Atomic uint64_t lost[CONFIG_TAPS_MAX];

	/* errno of what kept a tap from starting, until somebody can say so. */
	_Atomic int refused[CONFIG_TAPS_MAX];

	/* Messages whose loss was logged; by the tap's thread, or the end of a
	 * process in which it has none. */
	uint64_t logged[CONFIG_TAPS_MAX];

	struct report_slot report[CONFIG_TAPS_MAX];

	/* For this module alone. */
	_Atomic size_t running; /* taps that count */
	_Atomic size_t
		present; /* or that are about to write for the last time */
	_Atomic uint64_t due_ns;
	_Atomic bool writing, again;
	struct metrics_slot slot[CONFIG_TAPS_MAX];
	struct exposition exposition; /* of the one who writes */
	struct exposition_tap shown[CONFIG_TAPS_MAX]; /* in the file */
	struct relatives relatives;
	bool claimed; /* a number among them */
};

/* Once, before all others: `config` must stay. */
void metrics_begin(const struct config *config);

/* From now on by this one, in which the taps have the places that they had, and others
 * may follow; `removes`: the bits of those that it has no more. It must stay, as all
 * before. */
void metrics_change(const struct config *config, uint64_t removes);

/* A tap that was removed has published for the last time: the next file shows that, and
 * no later one the tap. */
void metrics_retire(size_t tap);

/* By the tap's own thread only. */
void metrics_publish(struct metrics *metrics, size_t tap,
		     const struct metrics_counts *counts);

/* What was published last, all of one moment, and what was lost since then. */
void metrics_read(struct metrics *metrics, size_t tap,
		  struct metrics_counts *counts);

/* The same, with what was lost where no thread of a tap has seen it. */
void metrics_show(struct metrics *metrics, size_t tap,
		  struct exposition_tap *shown);

/* When the file is due, UINT64_MAX: there is none. True for one of those who ask
 * when it is: that one is to write it. */
uint64_t metrics_due(const struct metrics *metrics);
bool metrics_take(struct metrics *metrics, uint64_t now_ns);

/* Replaces the file atomically, and shows nothing older than the call. If another
 * thread is about to write it, that one does it once more. Returns 0 or -errno;
 * -EBUSY: another process, which lives, writes the file.
 * `lock`: as that of exposition_replace(). As long as one of the process's threads
 * holds the file, its counts are not taken over by another process. */
int metrics_write(struct metrics *metrics, int *lock);

/* Likewise, and waits for who does it. */
int metrics_write_last(struct metrics *metrics, int *lock);

/* A tap begins, a tap ends: the last one to end writes the file. What its thread holds by
 * `lock` then is to be held until metrics_release() says true, which lets go of it: true
 * as soon as a tap that still counts holds the file, or none counts any more. */
void metrics_join(struct metrics *metrics);
void metrics_leave(struct metrics *metrics, int *lock);
bool metrics_release(struct metrics *metrics, int *lock);
