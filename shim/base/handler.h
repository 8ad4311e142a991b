/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a signal handler run? Nobody says so; it is read off the stack.
 */
#pragma once

#include <stdbool.h>

/*
 * True if a handler of the host's runs on this thread's own stack, which may have
 * interrupted anything; at times true of one that has returned before. Not for a
 * thread on an alternate stack (thread_room), of which that is certain; and of one
 * on a stack that libc does not know of it says no. Async-signal-safe; takes some
 * microseconds.
 */
bool handler_runs(void);
