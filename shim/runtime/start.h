/* SPDX-License-Identifier: Apache-2.0
 *
 * The taps' beginning, at the first message of a process. Async-signal-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct queue;

/* Maps the queues and starts the threads that there are not, unless memory or a
 * thread has just been refused. Where this is not the place to start a thread the
 * queue takes messages already, and the next one tries again. */
void start_taps(void);

/* Tries where there are such queues. */
void start_left(void);

/* False: a thread of ours that were started now would be under all of the host's
 * filters, and one call too many ends the process. */
bool start_may(void);

/* True for the one thread that is to start a tap, or to account for it. */
bool start_claim(size_t tap, struct queue *queue);
