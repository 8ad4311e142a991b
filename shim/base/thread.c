/* SPDX-License-Identifier: Apache-2.0
 *
 * The one copy of the per-thread state.
 */
#include "shim/base/thread.h"

_Thread_local struct thread_state thread_state;
