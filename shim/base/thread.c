/* SPDX-License-Identifier: Apache-2.0
 *
 * The one copy of the per-thread state. A child of vfork(2) shares that of the
 * thread that made it, which meanwhile stands still.
 */
#include "shim/base/thread.h"

#include "shim/base/process.h"

_Thread_local struct thread_state thread_state;

bool thread_stays_muted(void)
{
	if (thread_state.muted == THREAD_GUEST && !process_is_guest())
		thread_state.muted = THREAD_HEARD; /* the guest has left */
	return thread_state.muted;
}

void thread_divide(void)
{
	process_divide();
	if (!thread_state.muted)
		thread_state.muted = THREAD_GUEST;
}
