/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose memory is this? A forked child has its own, a child of vfork(2) runs in
 * its parent's until it execs or exits, with fds of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct process {
	_Atomic pid_t owner;     /* 0: not known yet */
	_Atomic bool parentless; /* its parent is in another namespace of ids */
	_Atomic bool listed;     /* its threads have lists of robust mutexes */
};

/* `page` lies in memory that is zeroed in a forked child, and is for this module
 * alone; `wiped`: by the kernel, however it is forked. Until this is called
 * nobody is a vfork child. */
void process_begin(struct process *page, bool wiped);

/* True in a process that runs in another's memory, which it must leave as it
 * is. Async-signal-safe; a system call, or a few. */
bool process_is_vfork_child(void);

/* Process 1 of a namespace of ids; false also where the host's own filter is against
 * asking. Async-signal-safe. */
bool process_is_init(void);

/* Before the calling thread makes a process that may be a vfork child: from now on it
 * can be told from its parent. */
void process_before_vfork(void);

/* The number of the process that the memory belongs to, or 0 where it is not known
 * and the host's own filter is against asking. Async-signal-safe; mostly without a
 * system call. */
pid_t process_id(void);
