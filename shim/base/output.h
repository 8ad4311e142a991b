/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library writes for people and programs to read: its log, its
 * counters. No stdio, whose streams would be in the host's list, and no signal
 * for the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * True if all of it was written. A file at its size limit, or a pipe that nobody
 * has, is an error and no more than that, whatever the host does about SIGXFSZ
 * and SIGPIPE; one that the host has pending stays so. Preserves errno on
 * success. Async-signal-safe.
 */
bool output_write(int fd, const void *data, size_t size);

/* Likewise, and false where the write would have to wait. */
bool output_try(int fd, const void *data, size_t size);
