/* SPDX-License-Identifier: Apache-2.0
 *
 * Our fds in a table that is shared with the host, where the kernel or a sandbox
 * refuses a tap's thread one of its own. They have high numbers and vanish on
 * exec and fork; the hooks keep the host from closing them, and before they are
 * written to it is made sure that they are still ours.
 *
 * Between that look and the write, or between socket(2) and own_fds_take(), the
 * host could put something of its own under the number. So the calls that do that
 * (dup2(2) and its like) and what a tap's thread does with fds take turns.
 *
 * Elsewhere all of this does nothing: own_fds_take() returns what it was given, and
 * own_fds_intact() is true.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern _Atomic bool own_fds_sharing;

/* From now on the table is shared. */
void own_fds_share(void);

/* A tap's thread opens, uses and closes fds only between these two, and waits for
 * nobody there. They nest. */
void own_fds_begin(void);
void own_fds_end(void);

/* The hooks, around a call that replaces what a number stands for. The first waits,
 * for a moment, until no tap is in between those two; it returns what the second is
 * to be given. Async-signal-safe; errno is preserved. */
uint32_t own_fds_replace(void);
void own_fds_replaced(uint32_t turn);

/* Takes an open fd of ours; -1 is let through. Returns its number, which is
 * another one if possible; where too many have been taken it closes it and returns
 * -1 with EMFILE. Idempotent. By several taps' threads at once. */
int own_fds_take(int fd);

/* False if the number stands for something of the host's by now. */
bool own_fds_intact(int fd);

/* Closes it if it is ours. */
void own_fds_close(int fd);

/* For the hooks, and async-signal-safe: is the number one of ours? The smallest
 * of ours from `first` to `last`, or -1. The host has taken this one. */
bool own_fds_has(int fd);
int own_fds_next(unsigned first, unsigned last);
void own_fds_lose(int fd);

static inline bool own_fds_shares(void)
{
	return atomic_load_explicit(&own_fds_sharing, memory_order_relaxed);
}
