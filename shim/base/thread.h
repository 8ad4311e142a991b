/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library knows of the thread that runs in it. Initial-exec, so that
 * reading it neither allocates nor takes the loader's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum thread_mute {
	THREAD_HEARD,
	THREAD_OURS,  /* the library's own: its traffic is not the host's */
	THREAD_GUEST, /* lent to a child of vfork(2), whose fds are its own */
};

struct thread_state {
	uint8_t muted; /* enum thread_mute */
	uint8_t lane; /* where it writes into queues, from 1; 0: not yet chosen */
};

extern _Thread_local struct thread_state thread_state;

/* Not for callers: is a muted thread still muted? */
bool thread_stays_muted(void);

/* True if nothing that the thread does is to be looked at. */
static inline bool thread_is_muted(void)
{
	return __builtin_expect(thread_state.muted, 0) && thread_stays_muted();
}

/* True if the thread must not record anything about fds. Asks the kernel, and
 * mutes a guest. */
bool thread_is_barred(void);
