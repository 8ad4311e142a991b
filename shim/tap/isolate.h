/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's thread lives in the host's process, but not among its fds, nor among
 * the threads that keep it alive.
 */
#pragma once

#include <stdbool.h>

/*
 * Gives the calling thread a table of fds of its own, empty but for standard
 * error: the host can neither see, close nor overwrite what is opened there, a
 * forked child does not inherit it, and a mistake here cannot reach a file of
 * the host's. Returns false where the kernel refuses: the table is still shared.
 */
bool isolate_fds(void);

/* Once, before any thread of ours. */
void isolate_begin(void);

/*
 * To be called behind pthread_create(3): the new thread is none of the host's.
 * A process whose main thread has left ends with the last of its other threads,
 * and ours would hold it back for good. A thread that is not counted must end by
 * isolate_leave().
 */
void isolate_uncount(void);
_Noreturn void isolate_leave(void);
