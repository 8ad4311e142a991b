/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hooks tell of the process's life: from its first socket to its end,
 * and across forks. They only declare it; shim/runtime/, which stands above them,
 * does something about it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Begins, once. Not for callers in whose place malloc(3) is forbidden. */
void runtime_begin(void);

/* The process is a DNS server, and malloc(3) is allowed at this point of it. */
void runtime_reserve(void);

/* Flushes what this process has captured and ends its taps, in at most
 * DNSTAP_EXIT_MS milliseconds; a forked child sends for a shorter time, and not
 * at all while its family's collector is silent. Does nothing in a child of
 * vfork(2), where the memory is the parent's, and at once where nothing was ever
 * captured. Async-signal-safe. */
void runtime_end(void);

/* The time that it has in this process, in nanoseconds; and the same as runtime_end,
 * in another time. */
uint64_t runtime_budget(void);
void runtime_end_within(uint64_t budget_ns);

/* Whether there is anything to be ended in this process, to which its memory
 * belongs. Async-signal-safe. */
bool runtime_has_begun(void);

/* The same as runtime_end, as briefly as in a child, where the process may live on. False if
 * there was nothing to be ended. */
bool runtime_pause(void);

struct sock_fprog;

/*
 * The host is about to set up a seccomp filter for this thread, or for `all`;
 * `program` NULL: strict mode. Taps that could not go on under it end before. True
 * if runtime_confine_failed() is to be called where the host's call comes to nothing.
 */
bool runtime_confine(const struct sock_fprog *program, bool all);
void runtime_confine_failed(void);

/* The process lives on: the next message starts the taps again. */
void runtime_resume(void);
