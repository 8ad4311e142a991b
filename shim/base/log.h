/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's log: one line an event, to the place that DNSTAP_LOG names.
 */
#pragma once

#include <stdbool.h>

/* Places to log to. */
struct log_writer;
extern const struct log_writer log_stderr, log_syslog, log_file;

/* What follows is logged there, or nowhere: NULL. `path` (for log_file) must
 * stay. */
void log_open(const struct log_writer *to, const char *path);

/* True if lines may go to standard error, and that is still what it was at
 * log_open(), or is a device. */
bool log_has_stderr(void);

/* Writes one line: the program's name and process id, the tap (or NULL), the
 * text. Cut at 1,024 octets. Falls back to standard error where the target
 * cannot be reached, or is a file that another than this user may have put
 * there. Blocks if the target does, so only the tap's own threads, the
 * constructor and the end of a process may call it. */
void log_line(const char *tap, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same from any thread, which opens nothing and never waits. False if this
 * was not possible, and the line is to be written later. */
bool log_try(const char *tap, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define LOG_KEYS_MAX 128

/* True the first time that it is asked about `key` in this process and in those
 * that it descends from: a server that forks a child for each connection need
 * not say everything again. For up to LOG_KEYS_MAX keys. */
bool log_first(const void *key);
