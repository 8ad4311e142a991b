/* SPDX-License-Identifier: Apache-2.0
 *
 * Drops are logged at most every DROP_LOG_NS, in sums; counts are published every
 * turn.
 */
#include "shim/tap/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/family.h"
#include "shim/tap/recording.h"

#define DROP_LOG_NS   (10 * NS_PER_S)
#define DROP_TEXT_MAX 40       /* a cause and its count */
#define STAYS_NS      NS_PER_S /* a thread is not so long between two counters */

/* What could not be said when it was so. */
static void log_refused(struct metrics *metrics,
			const struct tap_config *config, size_t index)
{
	int error = atomic_exchange(&metrics->refused[index], 0);

	if (error)
		log_line(config->socket, STATS_REFUSED, strerrordesc_np(error));
}

void stats_open(struct stats *stats)
{
	log_refused(stats->metrics, stats->config, stats->index);
	metrics_read(stats->metrics, stats->index, &stats->before);
}

static uint64_t sum(const uint64_t dropped[DROP_CAUSE_COUNT])
{
	uint64_t all = 0;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		all += dropped[cause];
	return all;
}

/* That nobody has connected to us is said once, and how much it was at the end.
 */
static bool is_expected(const struct stats *stats)
{
	return stats->config->listen && !queue_finish_deadline(stats->queue);
}

/* What is to be logged. */
static uint64_t drops(const struct stats *stats,
		      uint64_t dropped[DROP_CAUSE_COUNT])
{
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		dropped[cause] = queue_dropped(stats->queue, cause);
	dropped[DROP_UNACCOUNTED] = stats->unaccounted;
	dropped[DROP_UNSTARTED] +=
		atomic_load(&stats->metrics->lost[stats->index]);
	if (is_expected(stats))
		dropped[DROP_ENDPOINT] = 0;
	return sum(dropped);
}

static void log_drops(struct metrics *metrics, const struct tap_config *config,
		      size_t index, const uint64_t dropped[DROP_CAUSE_COUNT])
{
	char causes[DROP_CAUSE_COUNT * DROP_TEXT_MAX] = "";
	uint64_t all = sum(dropped);
	size_t at = 0;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		if (dropped[cause])
			at += snprintf(causes + at, DROP_TEXT_MAX,
				       " %s=%" PRIu64, drop_names[cause],
				       dropped[cause]);
	log_line(config->socket,
		 "dropped %" PRIu64 " messages, %" PRIu64 " in all:%s",
		 all - metrics->logged[index], all, causes);
	metrics->logged[index] = all;
}

/* While the sum grows. */
static void log_when_due(struct stats *stats, uint64_t now)
{
	uint64_t dropped[DROP_CAUSE_COUNT];

	if (drops(stats, dropped) <= stats->metrics->logged[stats->index] ||
	    now < stats->drop_log_at)
		return;
	log_drops(stats->metrics, stats->config, stats->index, dropped);
	stats->drop_log_at = now + DROP_LOG_NS;
}

/* All that is known but for `captured` and `queued`. */
static void count(const struct stats *stats,
		  const struct session_counts *counts,
		  struct metrics_counts *now)
{
	const struct metrics_counts *before = &stats->before;

	*now = (struct metrics_counts){
		.sent = before->sent + counts->frames,
		.octets = before->octets + counts->octets,
		.skipped = before->skipped + stats->skipped,
		.connects = before->connects + counts->connects,
		.disconnects = before->disconnects + counts->disconnects,
		.handshake_failures =
			before->handshake_failures + counts->handshake_failures,
		.missed = before->missed + counts->missed,
		.up = counts->up,
	};
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		now->dropped[cause] = queue_dropped(stats->queue, cause);
}

/*
 * `left`: what was captured, less what became of it: it should be `found` where
 * we know of it. That the two are of one moment is certain only if nothing was
 * captured since the last cycle; and a thread may be between two counters.
 * `now_ns` UINT64_MAX: at the end nothing is waited for.
 */
static void reconcile(struct stats *stats, uint64_t captured, int64_t left,
		      uint64_t found, uint64_t now_ns)
{
	int64_t difference = left - (int64_t)found;
	bool quiet = captured == stats->captured || now_ns == UINT64_MAX;

	stats->captured = captured;
	if (!quiet || !difference || difference != stats->difference)
		stats->differs_at = quiet && difference ? now_ns + STAYS_NS : 0;
	if (quiet)
		stats->difference = difference;
	if (quiet && !difference)
		stats->unaccounted = 0;
	else if (quiet && difference > 0 && now_ns >= stats->differs_at)
		stats->unaccounted = difference;
}

static void publish(struct stats *stats, uint64_t now_ns)
{
	struct endpoint_status status = endpoint_status(stats->endpoint);

	recording_own(stats->recording, &status);
	uint64_t found = queue_pending(stats->queue) +
			 queue_in_ring(stats->queue) + stats->aside +
			 status.unsent;
	struct metrics_counts now;

	count(stats, &status.counts, &now);
	/* Behind the others: it is the first to be counted. */
	now.captured = queue_captured(stats->queue);
	int64_t left = now.captured - now.sent - now.skipped - sum(now.dropped);
	reconcile(stats, now.captured, left, found, now_ns);
	now.dropped[DROP_UNACCOUNTED] = stats->unaccounted;
	left -= stats->unaccounted;
	/* Where more is known than was captured, the file shows that. */
	now.queued = left > (int64_t)found ? (uint64_t)left : found;
	if (now.queued > stats->before.queued_most)
		stats->before.queued_most = now.queued;
	now.queued_most = stats->before.queued_most;
	metrics_publish(stats->metrics, stats->index, &now);
}

static void write_file(struct stats *stats)
{
	int error = metrics_write(stats->metrics, stats->metrics_lock);

	if (error == -EBUSY) {
		if (!stats->write_failed && family_says_first())
			log_line(NULL, "metrics: another process writes the "
				       "file; %%p in its name gives each one "
				       "of its own");
	} else if (error && !stats->write_failed)
		log_line(NULL, "metrics: %s: %s; trying on", strerror(-error),
			 "the file cannot be written");
	stats->write_failed = error;
}

void stats_settle(struct stats *stats, uint64_t now_ns)
{
	publish(stats, now_ns);
	log_when_due(stats, now_ns);
	if (metrics_take(stats->metrics, now_ns))
		write_file(stats);
}

uint64_t stats_due(const struct stats *stats)
{
	uint64_t due = metrics_due(stats->metrics);
	uint64_t dropped[DROP_CAUSE_COUNT];
	bool unlogged =
		drops(stats, dropped) > stats->metrics->logged[stats->index];

	if (unlogged && stats->drop_log_at < due)
		due = stats->drop_log_at;
	if (stats->differs_at && stats->differs_at < due &&
	    stats->difference > (int64_t)stats->unaccounted)
		due = stats->differs_at;
	return due;
}

void stats_end(struct stats *stats)
{
	publish(stats, clock_steady());
	write_file(stats);
}

void stats_close(struct stats *stats)
{
	publish(stats, UINT64_MAX);
	stats->drop_log_at = 0;
	log_when_due(stats, clock_steady());
}

void stats_unstarted(struct metrics *metrics, const struct tap_config *config,
		     size_t index, struct queue *queue)
{
	size_t left = queue ? queue_collect_last(queue, STATS_ALL) : 0;
	struct metrics_counts now;

	log_refused(metrics, config, index);
	if (left) {
		queue_count_drop(queue, DROP_UNSTARTED, left);
		queue_release(queue, left);
	}
	metrics_read(metrics, index, &now);
	for (int cause = 0; queue && cause < DROP_CAUSE_COUNT; cause++)
		now.dropped[cause] = queue_dropped(queue, cause);
	now.captured = queue ? queue_captured(queue) : 0;
	now.queued = 0;
	now.dropped[DROP_UNACCOUNTED] = 0;
	now.dropped[DROP_UNACCOUNTED] =
		now.captured - now.sent - now.skipped - sum(now.dropped);
	metrics_publish(metrics, index, &now);
	now.dropped[DROP_UNSTARTED] += atomic_load(&metrics->lost[index]);
	if (sum(now.dropped) > metrics->logged[index])
		log_drops(metrics, config, index, now.dropped);
}
