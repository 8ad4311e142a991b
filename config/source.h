/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the text of a configuration comes from: DNSTAP_CONFIG itself, or the
 * regular file that it names.
 *
 * The value begins with a slash both for a file and for a tap on a unix socket,
 * which need not exist yet. So it is a file if it is, as a whole, the path of a
 * regular file, or if it ends in .conf, so that a missing file does not quietly
 * become a socket that nobody listens on. A directory, device or pipe is
 * neither. unix://PATH is always a tap.
 */
#pragma once

#include <stddef.h>

#include "config/error.h"

struct source {
	const char *name; /* for messages: the variable or the file */
	const char *text;
	size_t size;
	char *memory; /* to free, or NULL */
};

/* Returns 0 and *source (release with source_close), or -EINVAL with an error
 * added, or -ENOMEM. */
int source_open(const char *value, struct source *source,
		struct errors *errors);

void source_close(struct source *source);
