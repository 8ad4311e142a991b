/* SPDX-License-Identifier: Apache-2.0
 *
 * What was captured against what became of it.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/recording.h"
#include "shim/tap/stats.h"

#define TIME (1000 * NS_PER_S)

static uint64_t frames, unsent;
static bool all_counts;

static void fill(const struct endpoint *endpoint,
		 struct endpoint_status *status)
{
	(void)endpoint;
	*status = (struct endpoint_status){ .unsent = unsent,
					    .counts.frames = frames };
	if (all_counts)
		memset(&status->counts, 1, sizeof(status->counts));
}

static const struct endpoint_ops ops = { .status = fill };
static struct tap_config about = { .socket = (char *)"test", .queue = 1 };
static struct config config = { .n_taps = 1, .taps = &about };
static struct endpoint endpoint = { &ops, &about };
static struct metrics metrics;
static struct stats stats;
static const struct recording nothing; /* is recorded */

static void set_up(void)
{
	log_open(NULL, NULL);
	metrics_begin(&config);
	stats = (struct stats){
		.config = &about,
		.queue = queue_new(100),
		.endpoint = &endpoint,
		.metrics = &metrics,
	};
	stats.recording = &nothing;
	stats_open(&stats);
}

/* A message that passes, and the tap takes out of the queue. */
static void pass(void)
{
	struct queue_room room = queue_reserve(stats.queue, 12);

	room.event->stamp_ns = 1;
	queue_commit(stats.queue, room);
	cr_assert_eq(queue_collect(stats.queue, TIME), 1);
	queue_release(stats.queue, 1);
}

static struct metrics_counts settled(uint64_t now_ns)
{
	struct metrics_counts counts;

	stats_settle(&stats, now_ns);
	metrics_read(&metrics, 0, &counts);
	return counts;
}

static uint64_t sum(const struct metrics_counts *counts)
{
	uint64_t all = counts->sent + counts->skipped + counts->queued;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		all += counts->dropped[cause];
	return all;
}

TestSuite(stats, .init = set_up);

Test(stats, adds_up)
{
	struct metrics_counts counts;

	pass();
	frames = 1;
	pass();
	unsent = 1;
	pass();
	stats.skipped = 1;
	queue_count_lost(stats.queue, DROP_MALFORMED, 2);
	settled(TIME);
	counts = settled(TIME + 2 * NS_PER_S);
	cr_assert_eq(counts.captured, 5);
	cr_assert_eq(counts.queued, 1);
	cr_assert_eq(sum(&counts), 5);
	cr_assert_eq(counts.dropped[DROP_UNACCOUNTED], 0);
}

/* A message of which nobody knows what has become. */
Test(stats, difference_that_stays)
{
	struct metrics_counts counts;

	pass();
	counts = settled(TIME);
	cr_assert_eq(counts.queued, 1, "it may yet turn up");
	cr_assert_eq(sum(&counts), 1);
	settled(TIME + 1);
	cr_assert_leq(stats_due(&stats), TIME + 1 + NS_PER_S);
	counts = settled(TIME + 1 + NS_PER_S);
	cr_assert_eq(counts.dropped[DROP_UNACCOUNTED], 1);
	cr_assert_eq(counts.queued, 0);
	cr_assert_eq(sum(&counts), 1);
	frames = 1; /* it has */
	counts = settled(TIME + 3 * NS_PER_S);
	cr_assert_eq(counts.dropped[DROP_UNACCOUNTED], 0);
	cr_assert_eq(sum(&counts), 1);
}

/* While messages come in nothing can be said. */
Test(stats, difference_in_motion)
{
	struct metrics_counts counts;

	for (int i = 0; i < 10; i++) {
		pass();
		counts = settled(TIME + i * NS_PER_S);
		cr_assert_eq(counts.dropped[DROP_UNACCOUNTED], 0);
		cr_assert_eq(sum(&counts), i + 1);
	}
}

Test(stats, at_the_end)
{
	struct metrics_counts counts;

	pass();
	settled(TIME);
	stats_close(&stats);
	metrics_read(&metrics, 0, &counts);
	cr_assert_eq(counts.dropped[DROP_UNACCOUNTED], 1);
	cr_assert_eq(sum(&counts), 1);
}

/* A metric that nobody fills in would stay 0 for good. */
Test(stats, each_is_told)
{
	struct exposition_tap tap = { .capacity = 1 };
	const struct exposition_family *family;

	pass();
	all_counts = true;
	unsent = stats.skipped = 1;
	tap.counts = settled(TIME);
	for (size_t n = 0; (family = exposition_family(n)); n++)
		cr_expect_neq(*(uint64_t *)((char *)&tap + family->offset), 0,
			      "%s", family->name);
}

/* What was counted twice cannot be made up for: the sum shows it. */
Test(stats, too_many)
{
	struct metrics_counts counts;

	pass();
	frames = 2;
	settled(TIME);
	counts = settled(TIME + 2 * NS_PER_S);
	cr_assert_eq(counts.captured, 1);
	cr_assert_eq(sum(&counts), 2);
}

/* A later thread of the same tap goes on from there. */
Test(stats, goes_on)
{
	struct metrics_counts counts;

	pass();
	frames = 1;
	settled(TIME);
	stats_close(&stats);
	stats = (struct stats){
		.config = &about,
		.queue = stats.queue,
		.endpoint = &endpoint,
		.metrics = &metrics,
	};
	frames = 0;
	stats.recording = &nothing;
	stats_open(&stats);
	pass();
	frames = 1;
	settled(TIME);
	counts = settled(TIME + 2 * NS_PER_S);
	cr_assert_eq(counts.captured, 2);
	cr_assert_eq(counts.sent, 2);
	cr_assert_eq(sum(&counts), 2);
}

Test(stats, what_had_no_thread)
{
	struct metrics_counts counts;

	stats.metrics->lost[0] = 3;
	struct queue_room room = queue_reserve(stats.queue, 12);
	room.event->stamp_ns = clock_steady();
	queue_commit(stats.queue, room); /* just now */
	stats_unstarted(&metrics, &about, 0, stats.queue);
	metrics_read(&metrics, 0, &counts);
	cr_assert_eq(counts.captured, 1);
	cr_assert_eq(counts.dropped[DROP_UNSTARTED], 1);
	cr_assert_eq(metrics.logged[0], 4);
}
