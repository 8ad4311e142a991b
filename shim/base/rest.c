/* SPDX-License-Identifier: Apache-2.0
 *
 * One call after the other, until one has slept.
 */
#include "shim/base/rest.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/sandbox.h"

/* What is left of the time stands in *time then. */
static bool polls(struct timespec *time)
{
	return sandbox_allows(SYS_ppoll) &&
	       !syscall(SYS_ppoll, NULL, 0, time, NULL, 0);
}

static bool sleeps(const struct timespec *time)
{
	return (sandbox_allows(SYS_clock_nanosleep) &&
		!syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, time,
			 NULL)) ||
	       (sandbox_allows(SYS_nanosleep) &&
		!syscall(SYS_nanosleep, time, NULL));
}

void rest(uint64_t ns)
{
	struct timespec time = { ns / NS_PER_S, ns % NS_PER_S };
	int saved = errno;

	if (!polls(&time) && !sleeps(&time) && sandbox_allows(SYS_sched_yield))
		syscall(SYS_sched_yield);
	errno = saved;
}
