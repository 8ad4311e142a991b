/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a process by a signal's default action: everything captured is sent
 * first, then the signal has its way.
 *
 * Bare, nothing of the host runs any more from the signal on. So no thread of it
 * gets past a call that carries messages meanwhile: one that begins such a call
 * stops before it, one that is within it behind it, when what it carried is in the
 * queue. The same is true of the thread that the signal lands on; within such a
 * call it goes on until it is behind it. A second signal does not wait any longer,
 * unless it is of the same moment.
 *
 * Nothing is sent before all others have come to rest, for half of the time that there
 * is: one that has its message from the kernel, but has not had the processor since,
 * still has to hand it over. One that waits within a call is interrupted, as it would
 * take a message that nobody logs any more.
 */
#pragma once

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* In memory that a forked child finds zeroed. */
struct stop {
	_Atomic bool takes; /* default actions are ours */
	_Atomic int number; /* the signal that ends the process; 0: none */
	_Atomic uint64_t began_ns; /* at that time */
	_Atomic bool ending;       /* a thread is at it */
	_Atomic bool watches;      /* there is a timer, */
	int timer;                 /* this one, */
	_Atomic int looks;         /* and so often it has been up */
};

/* `page` must stay. */
void stop_begin(struct stop *page);

/* Whether default actions are ours, in this process. Async-signal-safe. */
bool stop_takes(void);

/* On a thread of the host's that would otherwise end the process in its own way, or
 * make it another program: does not return if a signal was first. */
void stop_yield(void);
