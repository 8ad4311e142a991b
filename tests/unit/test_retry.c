/* SPDX-License-Identifier: Apache-2.0
 *
 * When it is tried again.
 */
#include <criterion/criterion.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/retry.h"

static struct retry retry;

static void begin(void)
{
	log_open(LOG_TARGET_OFF, NULL);
	retry_begin(&retry);
}

TestSuite(retry, .init = begin);

/* Fails at `now`; returns after how many milliseconds it is tried again. */
static uint64_t fail(uint64_t now)
{
	retry_failed(&retry, "tap", "cause", now);
	return (retry.at - now) / NS_PER_MS;
}

Test(retry, waits_longer_and_longer)
{
	uint64_t expected = 10;

	for (int i = 0; i < 9; i++, expected *= 2)
		cr_assert_eq(fail(NS_PER_S), expected);
	cr_assert_eq(fail(NS_PER_S), 5000);
	cr_assert_eq(fail(NS_PER_S), 5000);
}

Test(retry, is_at_once_after_what_was_good)
{
	fail(NS_PER_S);
	fail(NS_PER_S);
	retry_succeeded(&retry, 10 * NS_PER_S);
	cr_assert_eq(fail(11 * NS_PER_S), 0);
	cr_assert_eq(fail(11 * NS_PER_S), 10);
}

Test(retry, goes_on_growing_after_what_ended_at_once)
{
	fail(NS_PER_S);
	for (int i = 1; i < 5; i++) {
		retry_succeeded(&retry, 10 * NS_PER_S);
		cr_assert_eq(fail(10 * NS_PER_S + NS_PER_MS), 10u << i);
	}
}
