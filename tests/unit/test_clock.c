/* SPDX-License-Identifier: Apache-2.0
 *
 * The calendar: as gmtime(3) has it.
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
