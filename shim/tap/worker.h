/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's thread lives in the host's process, but not among its fds, nor among
 * the threads that keep it alive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Gives the calling thread a table of fds of its own, empty but for standard
 * error: the host can neither see, close nor overwrite what is opened there, a
 * forked child does not inherit it, and a mistake here cannot reach a file of
 * the host's. Where the kernel refuses, the table stays shared: own_fds_share().
 */
void worker_isolate_fds(void);

/* Once, before any thread of ours. */
void worker_begin(void);

/* What a thread does; must stay while it runs. */
struct worker_task {
	void (*run)(void *argument);
	void *argument;
	unsigned filters; /* not for callers */
};

/*
 * Starts a thread of the library's own: detached, untraced, under its name, deaf to
 * signals from its first instruction, and with the fds of the calling one: the
 * host's, until that has called worker_isolate_fds(). `stack` is what it needs beside the
 * host's thread-local variables. Returns 0 or -errno.
 */
int worker_start(struct worker_task *task, size_t stack);

/* Likewise, and waits until it is done: for what needs more stack than the calling
 * thread may have. */
int worker_run(struct worker_task *task, size_t stack);

/* Threads of ours that have been told to end make their last system calls behind
 * the last that is heard of them: waits until they are gone, at the longest until
 * `deadline_ns` of clock_steady(). */
void worker_await_gone(uint64_t deadline_ns);

/* Until they are, each breaks off what takes long, and leaves behind what would take
 * long to free. */
void worker_hurry(bool hurry);
bool worker_hurries(void);

/*
 * glibc keeps the stack of a thread that has ended, and what was allocated with
 * it, for the next one. After this, `count` calls of worker_start() with such a
 * stack do not call malloc(3), and may so be made from a signal handler that has
 * interrupted it. Returns 0 or -errno of what is short.
 */
int worker_reserve(size_t stack, size_t count);

/* glibc's malloc(3), which locks ever after there was a thread, waits for what such a
 * handler has interrupted; musl's does not. */
#ifndef LIBC_KEEPS_STACKS
#define LIBC_KEEPS_STACKS true
#endif

/* How many such stacks are left, as far as is known here. */
unsigned worker_reserved(void);
