/* SPDX-License-Identifier: Apache-2.0
 *
 * The taps' counters in Prometheus's text format, for one process.
 *
 * Each tap's thread publishes its own; the first tap's thread writes the file
 * from time to time, and whichever tap ends last writes it once more. For every
 * tap, at every moment that a file shows:
 *
 *	captured = sent + dropped + skipped + queued
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/drop.h"

#define METRICS_INTERVAL_S 10

/* What one tap's thread knows; all of one moment. */
struct metrics_counts {
	uint64_t sent;    /* messages wholly handed to the kernel */
	uint64_t octets;  /* of their frames */
	uint64_t skipped; /* left out by types or sample */
	uint64_t dropped[DROP_CAUSE_COUNT];
	uint64_t queued; /* captured, but not yet sent */
	uint64_t queued_most;
	uint64_t connects, disconnects, handshake_failures;
	uint64_t missed; /* by one collector of several */
	uint64_t up;     /* collectors to which frames are being sent */
};

struct metrics;

/* For the taps of `config`, which must stay. Returns NULL when out of memory. */
struct metrics *metrics_new(const struct config *config);
void metrics_free(struct metrics *metrics);

/* By the tap's own thread only. */
void metrics_publish(struct metrics *metrics, size_t tap,
		     const struct metrics_counts *counts);

/* True if there is a file to be written. */
bool metrics_wanted(const struct metrics *metrics);

/* Replaces the file atomically. Returns 0 or -errno. */
int metrics_write(struct metrics *metrics);

/* A tap begins, a tap ends. The last one to end writes the file. */
void metrics_join(struct metrics *metrics);
void metrics_leave(struct metrics *metrics);
