/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library knows of the thread that runs in it. Initial-exec, so that
 * reading it neither allocates nor takes the loader's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct thread_state {
	bool muted; /* the library's own thread: its traffic is not the host's */
	uint8_t lane; /* where it writes into queues, from 1; 0: not yet chosen */
};

extern _Thread_local struct thread_state thread_state;
