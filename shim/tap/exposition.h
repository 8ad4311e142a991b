/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus's text format, version 0.0.4, and the file that it is in.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"
#include "shim/drop.h"

/* The counters of one tap; all of one moment. */
struct metrics_counts {
	uint64_t captured; /* messages that crossed a socket */
	uint64_t sent;     /* messages wholly handed to the kernel */
	uint64_t octets;   /* of their frames */
	uint64_t skipped;  /* left out by types, sample or filters */
	uint64_t dropped[DROP_CAUSE_COUNT];
	uint64_t queued; /* captured, but not yet sent */
	uint64_t queued_most;
	uint64_t connects, disconnects, handshake_failures;
	uint64_t missed; /* by one collector of several */
	uint64_t up;     /* collectors to which frames are being sent */
};

/* One tap as the file shows it. */
struct exposition_tap {
	const char *socket;
	size_t index;
	uint64_t capacity;
	struct metrics_counts counts;
};

/* A family of samples, of which each tap has one. */
struct exposition_family {
	const char *name, *type, *help;
	size_t offset; /* of its value in struct exposition_tap */
};

/* The n-th, or NULL behind the last. That of the drops, of which a tap has a sample
 * for each cause, is not among them. */
const struct exposition_family *exposition_family(size_t n);
#define EXPOSITION_DROPPED "dnstapshim_dropped_total"

/* The path with the process's id in the place of each %p: several processes of one
 * server share a setting. Returns false if it is too long. */
bool exposition_expand(char to[PATH_MAX], const char *path, pid_t pid);

/* Where the text is made. */
struct exposition {
	struct exposition_tap tap[CONFIG_TAPS_MAX];
	size_t taps;
	char path[PATH_MAX];
	char partial[PATH_MAX + 64];
	char text[4096]; /* not yet written */
	size_t used;
	int fd, error;
};

/*
 * Replaces the file at `path`, in which %p is the process's id, by what
 * exposition->tap says. Only a file that was made for it is written to, and
 * nothing that others may have put in its place is followed or waited for.
 * Returns 0 or -errno.
 */
int exposition_replace(struct exposition *exposition, const char *path);
