/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks: wall time for what is logged, steady time for deadlines.
 * Both are served by the vDSO, without a system call. They tell the real time
 * also to a program that another library shows a false one.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "proto/common.h"

/* clock_gettime(2) as the symbol is bound; after clock_begin(), libc's. */
extern int (*clock_read)(clockid_t id, struct timespec *time);
void clock_begin(void);

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_read(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Nanoseconds since the epoch. */
static inline uint64_t clock_wall(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* Nanoseconds since some fixed point; never steps. */
static inline uint64_t clock_steady(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/*
 * Both clocks at one moment, which turns stamps of clock_steady() into wall time.
 * Read again it moves on; but while wall time only creeps, as NTP has it do, it
 * keeps the distance between the clocks, and so that between any two stamps.
 */
struct clock_pair {
	uint64_t steady_ns, wall_ns;
};

void clock_pair_read(struct clock_pair *pair);

static inline uint64_t clock_pair_wall(const struct clock_pair *pair,
				       uint64_t stamp_ns)
{
	return pair->wall_ns + (stamp_ns - pair->steady_ns);
}

/* RFC 3339 in UTC, to the second, of a time since the epoch. Unlike gmtime(3)
 * it takes no lock, which a fork may have left locked for ever. */
#define CLOCK_TEXT_MAX 32
void clock_print(char text[CLOCK_TEXT_MAX], uint64_t wall_ns);
