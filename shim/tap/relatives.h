/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics' files of the other processes of the same program, which lie beside
 * ours: those under the same name but for the process's id, and those of other
 * instances, of which it heeds the numbers.
 *
 * A process is told from the others by a number: the smallest that a dead one has left,
 * or else that no living one has. With the number it takes over the counts of the dead
 * process that had it, and removes that one's file: so the series goes on, and never is
 * there twice. A file is a living process's as long as it is locked, which needs neither
 * /proc nor a signal, and holds in every namespace. Whoever takes it over has the lock
 * meanwhile. A file that could not be locked is never taken over.
 *
 * Whatever is removed is a regular file of this user's that the library has written for
 * this program, under a name that the setting makes. Nothing here allocates.
 */
#pragma once

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/tap/exposition.h"

#define RELATIVES_MAX 4096 /* numbers; who finds none has the last one, too */

/* Of a number. */
enum relatives_use {
	RELATIVES_FREE,
	RELATIVES_LEFT, /* by a dead process */
	RELATIVES_USED,
};

/* All zero at first. */
struct relatives {
	/* What the dead have left us, as far as it only grows. */
	struct exposition_tap inherited[CONFIG_TAPS_MAX];

	/* For this module alone: one look round. */
	const struct config *config;
	struct exposition *ours;
	char path[PATH_MAX]; /* of the directory */
	const char *pattern; /* of a name in it */
	int directory;
	uint8_t use[RELATIVES_MAX]; /* enum relatives_use */
	size_t namesake;            /* the number in the file that we replace */
	int held;                   /* an fd of it, or -1 */
	bool busy;
	size_t begin, end; /* of what is left in the text */
	char text[8192];
	_Alignas(struct dirent64) char entries[4096];
};

/* Finds ours->process, and takes over what is to be taken over; `lock` is that of
 * exposition_replace(). Returns 0; -EBUSY: the one file that all processes share is that
 * of another, which lives; or -errno. */
int relatives_claim(struct relatives *relatives, const struct config *config,
		    struct exposition *ours, int *lock);

/* Now and then: removes files that nobody has taken over for long, and takes over what
 * could not be before. True if the number has to be claimed anew. */
bool relatives_check(struct relatives *relatives, const struct config *config,
		     struct exposition *ours);

/* Somebody else has taken over the counts that were shown, while no thread of ours
 * held the file: they are not ours any more. */
void relatives_disinherit(struct relatives *relatives,
			  const struct exposition_tap *shown, size_t taps);

/* Adds what was inherited. */
void relatives_add(const struct relatives *relatives, size_t tap,
		   struct exposition_tap *shown);
