/* SPDX-License-Identifier: Apache-2.0
 *
 * Flight recorders' files: which of them wait in a directory, and who may have
 * one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "shim/tap/recorder/image.h"

struct recorders_file {
	char *path;
	struct timespec made;
};

/* All zero: none. */
struct recorders {
	struct recorders_file *file;
	size_t n;
};

enum recorders_hold {
	RECORDERS_READ,  /* together with others who do */
	RECORDERS_OWN,   /* alone: it is to be sent, or removed */
	RECORDERS_WATCH, /* whoever has it */
};

/* Those in the directory that have something in them, oldest first: as can be held
 * so; RECORDERS_READ: that no living process has. Returns 0 or -errno; *found is
 * assigned in any case, release with recorders_free. */
int recorders_find(struct recorders *found, const char *directory,
		   enum recorders_hold hold);
void recorders_free(struct recorders *recorders);

/* Opens one and holds it until the fd is closed. Returns the fd; or -EBUSY if a
 * living process has it, -ENOENT if it went meanwhile, or as image_open does, and
 * why in `error`. */
int recorders_open(const char *path, enum recorders_hold hold,
		   char error[IMAGE_ERROR_MAX]);

/* Removes the file that `fd` holds, if it is still the one of that name. Returns 0
 * or -errno. */
int recorders_remove(const char *path, int fd);

/* The name of the program that made a file of this name (release with free). */
char *recorders_program(const char *path);

/* Whether that is this one. */
bool recorders_are_of(const char *path, const char *program);
