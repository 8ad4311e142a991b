/* SPDX-License-Identifier: Apache-2.0
 *
 * The tap's thread: how much it takes for itself.
 */
#include <criterion/criterion.h>

#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/tap.h"

#define MESSAGES 10000

static struct tap_config about = {
	.kind = ENDPOINT_UNIX,
	.socket = (char *)"test",
	.address = (char *)"/nonexistent/socket",
	.queue = 1,
	.identity = (char *)"",
	.version = (char *)"",
	.types = UINT32_MAX,
	.sample = 1,
	.anonymize_v4 = 32,
	.anonymize_v6 = 128,
};
static struct config config = { .n_taps = 1,
				.taps = &about,
				.log = LOG_TARGET_OFF };

static uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* A thread that left in the middle, by way of a signal handler or because it was
 * cancelled, has nothing to commit any more. */
Test(tap, rests_while_a_message_is_not_whole)
{
	struct queue *queue = queue_new(MESSAGES);

	log_open(LOG_TARGET_OFF, NULL);
	cr_assert_eq(tap_start(&config, 0, queue, metrics_new(&config)), 0);
	cr_assert_neq(queue_reserve(queue, 12).event, NULL);

	uint64_t before = cpu_ns();
	usleep(300000);
	cr_assert_lt(cpu_ns() - before, 100 * NS_PER_MS);

	uint64_t deadline = clock_steady() + NS_PER_S;
	queue_finish(queue, deadline);
	queue_await_finished(queue, deadline);
	cr_assert(queue_reopen(queue), "it has finished");
}
