/* SPDX-License-Identifier: Apache-2.0
 *
 * When default actions become ours, and when they cease to be.
 *
 * Process 1 of a namespace is left alone: to it the kernel applies no default
 * action of these.
 */
#pragma once

#include "shim/hook/real.h"
#include "shim/hook/stop.h"

/* The process has begun. Does nothing where it has been done, or where the host's
 * own filters forbid what will be needed. */
void signal_take(struct stop *stop);

/* Whether a signal's default action is in force, and ours. Async-signal-safe. */
bool signal_is_ours(int number);

/* The default actions are the kernel's again. Async-signal-safe. */
void signal_restore(void);

/* Before a filter that has been read is in force (sandbox_foresees): gives them
 * back if it forbids what would be needed. */
void signal_confine(struct stop *stop);

/* rt_sigaction(2), by its number. */
long signal_by_number(const struct real_table *by, long number, long action,
		      long before, long size, long unused, long unused_too);
