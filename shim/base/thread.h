/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library knows of the thread that runs in it. Initial-exec, so that
 * reading it neither allocates nor takes the loader's lock.
 */
#pragma once

/* Values of thread_state.muted. */
#define THREAD_HEARD 0
#define THREAD_OURS  1 /* the library's own: its traffic is not the host's */
#define THREAD_GUEST \
	2 /* lent to a child that may share its memory, not its fds */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

struct thread_state {
	uint8_t muted;
	uint8_t lane; /* where it writes into queues, from 1; 0: not yet chosen */
};

extern _Thread_local struct thread_state thread_state;

/* Not for callers: is a muted thread still muted? */
bool thread_stays_muted(void);

/* The thread is about to make a process that may be a guest: entry.S. */
void thread_divide(void);

/* True if nothing that the thread does is to be looked at. */
static inline bool thread_is_muted(void)
{
	return __builtin_expect(thread_state.muted, 0) && thread_stays_muted();
}
#endif
