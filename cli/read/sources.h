/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the collector: its sources, and what is polled beside them.
 */
#pragma once

#include <poll.h>
#include <stddef.h>

#include "cli/read/collector.h"

struct follow;
struct source;

/* What is polled before the sources: the signals, and what others watch. */
#define COLLECTOR_FIXED (1 + COLLECTOR_WATCHES)

struct watch {
	int fd;
	int (*ready)(void *context);
};

struct collector {
	struct collector_events events;
	struct watch watches[COLLECTOR_WATCHES];
	size_t n_watches;
	int timeout;
	int signals;
	int status;
	size_t n, limit;
	struct source **sources;
	uint64_t finished; /* octets of files that were read */
	size_t n_follows;
	struct follow **follows;
	struct pollfd *
		polled; /* `signals`, watches; [COLLECTOR_FIXED + i] is sources[i] */
};

/* Owns the fd from here on, also when it fails. Returns NULL then; it has been said. */
struct source *sources_add(struct collector *collector, const char *name,
			   int fd);
struct source *sources_add_file(struct collector *collector, const char *name,
				int fd);

/* The last one takes its place. */
void sources_drop(struct collector *collector, size_t i);
