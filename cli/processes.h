/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that the library is loaded in, by what a user calls them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* All zero: none. */
struct processes {
	pid_t *pid; /* each once */
	size_t n;
	bool named; /* by a name: several are meant */
};

bool processes_has_library(pid_t pid);

/* Those below return 0 or -errno. */
int processes_add(struct processes *found, pid_t pid);

/* Those with the library that run a program of this name, with or without its path,
 * or call themselves so; or that are in a unit of systemd's of this name, with or
 * without ".service". */
int processes_add_named(struct processes *found, const char *name);

/* Those with the library that descend from those found so far. */
int processes_add_descendants(struct processes *found);

/* A number is a process, whatever is in it; anything else a name, as above. Returns an
 * exit status; what is wrong has been said. */
int processes_find(struct processes *found, const char *word);

/* Calls `each` for every process that the words stand for; it returns an exit status.
 * Of those of one name some may be unavailable, as long as not all are. Returns an exit
 * status. */
int processes_each(int count, char **words,
		   int (*each)(pid_t pid, void *context), void *context);

void processes_free(struct processes *found);
