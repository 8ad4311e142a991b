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

/* A comment with which each file begins, and labels like those of a sample: whose it
 * is; and that it could not be locked. */
#define EXPOSITION_OWNER    "# dnstapshim"
#define EXPOSITION_UNLOCKED " unlocked"

/* The path with the process's id in the place of each %p: several processes of one
 * server share a setting. Returns false if it is too long for `room` octets. */
bool exposition_expand(char *to, size_t room, const char *path, pid_t pid);

/* Where the text is made. */
struct exposition {
	const char *program;
	size_t process; /* of those of the program; see relatives.h */
	struct exposition_tap tap[CONFIG_TAPS_MAX];
	size_t taps;
	char path[PATH_MAX];
	char partial[PATH_MAX + 64];
	char text[4096]; /* not yet written */
	size_t used;
	int fd, error;
	bool unlocked; /* the file system has no locks */
	bool shows;    /* the file has samples */
	bool gently;

	/* The file that was last put at `path`, zero: none; and the `lock` that it
	 * was put there with. */
	dev_t device;
	ino_t inode;
	int *holder;
};

/*
 * Replaces the file at `path`, in which %p is the process's id, by what
 * exposition->tap says. Only a file that was made for it is written to, and
 * nothing that others may have put in its place is followed or waited for.
 * Returns 0 or -errno.
 *
 * `lock`: an fd of the calling thread's, or 0, which is replaced by that of the new
 * file: it stays open, and the file locked. NULL: nothing does, and the file is one of
 * a dead process.
 */
int exposition_replace(struct exposition *exposition, const char *path,
		       int *lock);

/* Likewise by one that says whose it is, and nothing else. `gently`: -EEXIST where
 * there is anything in its place. */
int exposition_claim(struct exposition *exposition, const char *path, int *lock,
		     bool gently);

/* Whether a living process holds this file. */
bool exposition_is_locked(int fd);

bool exposition_is_named(int directory, const char *name, dev_t device,
			 ino_t inode);

/* A lock on the file, if it is still the one of that name and nobody else has one:
 * an fd, to be closed; or -1. As long as it is held nobody else takes the file over. */
int exposition_hold(int directory, const char *name, dev_t device, ino_t inode);
