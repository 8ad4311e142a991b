/* SPDX-License-Identifier: Apache-2.0
 *
 * The calendar: as gmtime(3) has it. And wall time that creeps, or steps.
 */
#include <criterion/criterion.h>

#include <time.h>

#include "shim/base/clock.h"

static void agrees(time_t seconds)
{
	char text[CLOCK_TEXT_MAX], expected[CLOCK_TEXT_MAX];

	strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ",
		 gmtime(&seconds));
	clock_print(text, (uint64_t)seconds * NS_PER_S + 999999999);
	cr_assert_str_eq(text, expected);
}

Test(clock, every_day_for_two_centuries)
{
	for (time_t day = 0; day < 73000; day++) {
		agrees(day * 86400);
		agrees(day * 86400 + 86399);
	}
}

static uint64_t steady_ns, wall_ns;

static int read_ours(clockid_t id, struct timespec *time)
{
	uint64_t now = id == CLOCK_REALTIME ? wall_ns : steady_ns;

	*time = (struct timespec){ now / NS_PER_S, now % NS_PER_S };
	return 0;
}

/* After another second, in which the wall clock has gone on by so much. */
static void read_pair(struct clock_pair *pair, int64_t wall_step_ns)
{
	steady_ns += NS_PER_S;
	wall_ns += wall_step_ns;
	clock_pair_read(pair);
}

Test(clock, pair_tells_wall_time_of_stamps)
{
	struct clock_pair pair = { 0 };
	uint64_t began = 1700000000 * NS_PER_S;

	clock_read = read_ours;
	wall_ns = began;
	read_pair(&pair, 0);
	uint64_t stamp = steady_ns;
	cr_assert_eq(clock_pair_wall(&pair, stamp), began);
	cr_assert_eq(clock_pair_wall(&pair, stamp - 5), began - 5);
	for (int i = 0; i < 100; i++)
		read_pair(&pair, NS_PER_S + 15000 * (i % 2 ? 1 : -1));
	cr_assert_eq(clock_pair_wall(&pair, stamp), began, "it only crept");
	read_pair(&pair, -7 * (int64_t)NS_PER_S);
	cr_assert_eq(clock_pair_wall(&pair, stamp), began - 8 * NS_PER_S);
	read_pair(&pair, 9 * NS_PER_S);
	cr_assert_eq(clock_pair_wall(&pair, stamp), began);
	clock_read = clock_gettime;
}
