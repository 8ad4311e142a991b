/* SPDX-License-Identifier: Apache-2.0
 *
 * The taps' counters out of the Prometheus text file that DNSTAP_METRICS names.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "shim/tap/exposition.h"

/* Of a tap of one process. Each has strings of its own. */
struct counters_tap {
	char *program;  /* "" if it is not said */
	size_t process; /* among those of that program */
	struct exposition_tap tap;
};

/* All zero: none. */
struct counters {
	struct timespec written; /* the file, by its time of modification */
	struct counters_tap *taps;
	size_t n;
};

/* The metrics file of a process: what DNSTAP_CONFIG and DNSTAP_METRICS say with
 * %p filled in (release with free), or NULL. */
char *counters_path(pid_t pid);

/* Returns 0; -EINVAL if the file holds no counters of ours; or -errno.
 * *counters is assigned in any case; release with counters_free. */
int counters_read(struct counters *counters, const char *path);
void counters_free(struct counters *counters);

/* The counters of the same tap in another reading, or NULL. */
const struct exposition_tap *counters_find(const struct counters *counters,
					   const struct counters_tap *same);

uint64_t counters_dropped(const struct exposition_tap *tap);

/* The causes that have counted: " queue_full=4 endpoint=2". */
void counters_print_causes(const struct exposition_tap *tap, FILE *out);

/* All of them, in a line without its end. */
void counters_print(const struct exposition_tap *tap, FILE *out);
