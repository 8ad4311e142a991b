/* SPDX-License-Identifier: Apache-2.0
 *
 * What the processes of one server tell each other. Of their collectors: a server
 * that forks a child for each connection would otherwise find out for each that
 * one is silent, and wait for it. And that capture is on again: a child that was forked
 * while it was off has no thread that could be told.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, for all who descend from this process. */
void family_begin(void);

/* By a tap's thread: its collector has taken a frame; or has taken none of those
 * that were waiting, for long or until the end of a process. */
void family_tell(size_t tap, bool takes, uint64_t now_ns);

/* Whether there is no use in waiting for the collector. From time to time one
 * who asks is told to wait after all, and so to find out. Async-signal-safe. */
bool family_is_silent(size_t tap, uint64_t now_ns);

/* Whether nobody of the family has said yet that they share a file of metrics. */
bool family_says_first(void);

/* Capture is off in this process, and in those that it forks from now on, until
 * family_on(). family_is_on is async-signal-safe. */
void family_off(void);
void family_on(void);
bool family_is_on(void);
