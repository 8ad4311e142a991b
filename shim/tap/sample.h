/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of Prometheus's text format, as far as the library writes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/tap/exposition.h"

/* NAME{LABEL="VALUE",...} NUMBER. The strings lie in the line. */
struct sample {
	const char *name, *tap, *cause, *program; /* "" if absent */
	size_t index;   /* tells taps on the same SOCKET apart */
	size_t process; /* tells processes of the same program apart */
	uint64_t value;
};

/* Takes the line apart in place; false if it is no sample. */
bool sample_parse(struct sample *sample, char *line);

/* Where its value belongs, and whether it only grows; NULL: it is no count of a
 * tap. */
uint64_t *sample_place(const struct sample *sample, struct exposition_tap *tap,
		       bool *grows);
