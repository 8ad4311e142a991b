/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library in a process says of itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "cli/ask.h"
#include "cli/counters.h"
#include "shim/tap/exposition.h"

struct status_tap {
	const char *state, *since;
	bool records; /* there is a flight recorder */
	struct exposition_tap counters;
};

/* All that is not said is "". All zero: none. */
struct status {
	pid_t pid;
	struct reply answer; /* which the others point into */
	const char *version, *program, *began;
	const char *capture, *switched; /* on or off; since when, if ever */
	const char *config;             /* in force, with every default */
	struct status_tap *taps;
	size_t n;
};

/* Returns what ask() does, or -ENOMEM. Where answer.done is false it has refused to say.
 * Release with status_free. */
int status_ask(struct status *status, pid_t pid);
void status_free(struct status *status);

/* The counters, as those of a file, of a process that tells them within an instant. Returns
 * 0 or -errno; *counters is assigned in any case; release with counters_free. */
int status_counters(struct counters *counters, pid_t pid);

/* Some lines for people; and a JSON object, on one. */
void status_print(const struct status *status, FILE *out);
void status_print_json(const struct status *status, FILE *out);

/* The configuration in force, with a heading. */
void status_print_config(const struct status *status, FILE *out);
