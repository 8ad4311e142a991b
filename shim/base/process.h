/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose memory is this? A forked child has its own, a child of vfork(2) runs in
 * its parent's until it execs or exits, with fds of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/* `owner` lies in memory that is zeroed in a forked child, and is for this
 * module alone. Until this is called nobody is a guest. */
void process_begin(_Atomic pid_t *owner);

/* True in a process that runs in another's memory, which it must leave as it
 * is. Async-signal-safe; a system call. */
bool process_is_guest(void);
