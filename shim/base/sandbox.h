/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host's own seccomp filters let us do: it calls prctl(2) or seccomp(2)
 * where the hooks see it, so the filter is known, and can be asked beforehand. A
 * filter may end the process for a call that the host itself never makes.
 *
 * A filter that was there before the program is part of its environment, as what
 * a service's unit says: nobody can tell what is in it, and nothing is taken as
 * refused by it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_fprog;

/* What becomes of a call. */
enum sandbox_verdict {
	SANDBOX_ALLOWS,
	SANDBOX_REFUSES, /* with an error, or by pretending success */
	SANDBOX_PUNISHES /* with a signal, or by another process's decision */
};

extern _Atomic unsigned sandbox_filters;

/* Not for callers. */
enum sandbox_verdict sandbox_judge(unsigned first, bool ours, long number,
				   const uint64_t argument[6]);

/* Whether the calling thread, one of the host's, may make a call. Where there is no
 * filter, which is nearly everywhere, at the cost of a load. */
#define sandbox_allows(number, ...)                                          \
	(!atomic_load_explicit(&sandbox_filters, memory_order_acquire) ||     \
	 sandbox_judge(0, false, (number), (const uint64_t[6]){ __VA_ARGS__ }) == \
		 SANDBOX_ALLOWS)

/*
 * Before the host's call that sets up a filter; from here on it is in force as far
 * as we are concerned. `program` NULL: strict mode. `all`: for every thread of the
 * process. It is read only if it is readable. sandbox_fails: the last one came to
 * nothing.
 */
void sandbox_enters(const struct sock_fprog *program, bool all);
void sandbox_fails(void);

/* Calls by what they are for: of lists that end with -1. */
extern const int sandbox_starting[], sandbox_running[], sandbox_connecting[];

/* The worst that befalls one of them: of a thread of the host's; or of a thread
 * of ours that was started when there were `inherited` filters. Their arguments
 * are taken as zero. */
enum sandbox_verdict sandbox_worst(const int *numbers);
enum sandbox_verdict sandbox_worst_ours(const int *numbers, unsigned inherited);
