/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's log: one line an event, to the place that DNSTAP_LOG names.
 */
#pragma once

#include "config/config.h"

/* What follows is logged to `target`; `path` (for LOG_TARGET_FILE) must stay. */
void log_open(enum log_target target, const char *path);

/* Writes one line: the program's name and process id, the tap (or NULL), the
 * text. Cut at 1,024 octets. Falls back to standard error where the target
 * cannot be reached. Blocks if the target does, so only the tap's own
 * threads and the constructor may call it. */
void log_line(const char *tap, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
