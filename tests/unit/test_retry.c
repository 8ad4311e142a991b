/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of a collector that comes and goes.
 */
#include <criterion/criterion.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/endpoint/retry.h"

static struct retry begin(void)
{
	struct retry retry;

	log_open(NULL, NULL);
	retry_begin(&retry);
	return retry;
}

Test(retry, says_each_thing_once)
{
	struct retry retry = begin();

	cr_assert(retry_is_news(&retry, "connected"));
	for (uint64_t now = NS_PER_S; now < 100 * NS_PER_S; now += NS_PER_S) {
		retry_succeeded(&retry, now);
		retry_failed(&retry, NULL, "hung up", now + NS_PER_MS);
		cr_assert_not(retry_is_news(&retry, "connected"));
		cr_assert_not(retry_is_news(&retry, "hung up"));
	}
}

Test(retry, says_it_again_after_a_good_while)
{
	struct retry retry = begin();

	retry_failed(&retry, NULL, "hung up", NS_PER_S);
	retry_succeeded(&retry, 2 * NS_PER_S);
	cr_assert(retry_is_news(&retry, "connected"));
	cr_assert_not(retry_is_good(&retry, 3 * NS_PER_S - 1));
	cr_assert(retry_is_good(&retry, 3 * NS_PER_S));
	retry_failed(&retry, NULL, "took nothing", 3 * NS_PER_S);
	cr_assert(retry_is_news(&retry, "connected"));
	cr_assert(retry_is_news(&retry, "hung up"));
}

Test(retry, waits_longer_each_time)
{
	struct retry retry = begin();
	uint64_t delay = 10 * NS_PER_MS;

	for (uint64_t now = NS_PER_S; now < 100 * NS_PER_S; now = retry.at) {
		retry_failed(&retry, NULL, "nobody", now);
		cr_assert_eq(retry.at - now, delay);
		delay = 2 * delay < 5 * NS_PER_S ? 2 * delay : 5 * NS_PER_S;
	}
}
