/* SPDX-License-Identifier: Apache-2.0
 *
 * A running process, and whether the library is at work in it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cli/inspect/verdict.h"
#include "cli/status.h"
#include "cli/inspect/imports.h"

struct process {
	pid_t pid;
	char *program;  /* the path of its program */
	char *library;  /* the path of libdnstapshim.so in it; NULL: none */
	unsigned taps;  /* threads of the library */
	char *config;   /* DNSTAP_CONFIG as it was started; NULL: not set */
	char *metrics;  /* the path of its metrics file; NULL: none */
	char *recorder; /* the directory of its recorders; NULL: none */
	bool answers;   /* it has said what it does: */
	struct status status;
	char state[96]; /* how the library does, if nothing is wrong */
	struct verdict verdict;
	struct imports imports; /* of what is mapped */
};

/* Looks at a process. Returns 0; -ESRCH if there is none; or -errno, -EACCES if
 * it is somebody else's. */
int process_examine(struct process *process, pid_t pid);

void process_free(struct process *process);
