/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics files of which top shows the taps: those that were named, and those of the
 * processes that were.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/counters.h"

struct watched_file {
	char *path;    /* NULL: it has none, and is asked each time */
	pid_t pid;     /* 0: not known */
	char *program; /* NULL: not known */
	bool ended;    /* the process is not there any more */
	struct counters last, before; /* the last two that the library wrote */
};

/* All zero but for the words. */
struct watched {
	char *const *words; /* a path, a process, a program or a unit */
	size_t n_words;
	struct watched_file *files;
	size_t n;
	size_t without; /* processes that neither write metrics nor answer */
};

/* Looks for the processes and reads the files. Returns EX_OK, or says what is wrong and
 * returns an exit status: if a word stands for nothing, or nothing has been read. */
int watched_begin(struct watched *watched);

/* The same later on, when processes may have come and gone: their files are shown as long
 * as they are there. Returns EX_OK or EX_OSERR. */
int watched_refresh(struct watched *watched);

void watched_release(struct watched *watched);
