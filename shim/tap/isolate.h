/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's thread lives in the host's process, but not among its fds, nor among
 * the threads that keep it alive.
 */
#pragma once

#include <stddef.h>

/*
 * Gives the calling thread a table of fds of its own, empty but for standard
 * error: the host can neither see, close nor overwrite what is opened there, a
 * forked child does not inherit it, and a mistake here cannot reach a file of
 * the host's. Where the kernel refuses, the table stays shared: own_share().
 */
void isolate_fds(void);

/* Once, before any thread of ours. */
void isolate_begin(void);

/*
 * Starts a thread of the library's own: detached, muted, under its name, deaf to
 * signals from its first instruction, and with the fds of the calling one.
 * `stack` is what it needs beside the host's thread-local variables. Returns 0
 * or -errno.
 */
int isolate_start(void (*run)(void *argument), void *argument, size_t stack);
