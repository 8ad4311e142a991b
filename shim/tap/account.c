/* SPDX-License-Identifier: Apache-2.0
 *
 * Drops are logged at most every DROP_LOG_NS, in sums; counts are published every
 * turn.
 */
#include "shim/tap/account.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"

#define DROP_LOG_NS   (10 * NS_PER_S)
#define DROP_TEXT_MAX 40       /* a cause and its count */
#define STAYS_NS      NS_PER_S /* a thread is not so long between two counters */

/* What could not be said when it was so. */
static void say_refused(struct metrics *metrics,
			const struct tap_config *config, size_t index)
{
	int error = atomic_exchange(&metrics->refused[index], 0);

	if (error)
		log_line(config->socket, ACCOUNT_REFUSED,
			 strerrordesc_np(error));
}

void account_open(struct account *account)
{
	say_refused(account->metrics, account->config, account->index);
	metrics_read(account->metrics, account->index, &account->before);
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
static bool is_expected(const struct account *account)
{
	return account->config->listen &&
	       !queue_finish_deadline(account->queue);
}

/* What is to be logged. */
static uint64_t drops(const struct account *account,
		      uint64_t dropped[DROP_CAUSE_COUNT])
{
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		dropped[cause] = queue_dropped(account->queue, cause);
	dropped[DROP_UNACCOUNTED] = account->unaccounted;
	dropped[DROP_UNSTARTED] +=
		atomic_load(&account->metrics->lost[account->index]);
	if (is_expected(account))
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
static void log_when_due(struct account *account, uint64_t now)
{
	uint64_t dropped[DROP_CAUSE_COUNT];

	if (drops(account, dropped) <=
		    account->metrics->logged[account->index] ||
	    now < account->drop_log_at)
		return;
	log_drops(account->metrics, account->config, account->index, dropped);
	account->drop_log_at = now + DROP_LOG_NS;
}

/* All that is known but for `captured` and `queued`. */
static void count(const struct account *account, struct metrics_counts *now)
{
	const struct endpoint_ops *ops = account->endpoint->ops;
	const struct metrics_counts *before = &account->before;
	struct session_counts counts;

	ops->count(account->endpoint, &counts);
	*now = (struct metrics_counts){
		.sent = before->sent + counts.frames,
		.octets = before->octets + counts.octets,
		.skipped = before->skipped + account->skipped,
		.connects = before->connects + counts.connects,
		.disconnects = before->disconnects + counts.disconnects,
		.handshake_failures =
			before->handshake_failures + counts.handshake_failures,
		.missed = before->missed + counts.missed,
		.up = counts.up,
	};
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		now->dropped[cause] = queue_dropped(account->queue, cause);
}

/*
 * `left`: what was captured, less what became of it: it should be `found` where
 * we know of it. That the two are of one moment is certain only if nothing was
 * captured since the last turn; and a thread may be between two counters.
 * `now_ns` UINT64_MAX: at the end nothing is waited for.
 */
static void reconcile(struct account *account, uint64_t captured, int64_t left,
		      uint64_t found, uint64_t now_ns)
{
	int64_t difference = left - (int64_t)found;
	bool quiet = captured == account->captured || now_ns == UINT64_MAX;

	account->captured = captured;
	if (!quiet || !difference || difference != account->difference)
		account->differs_at =
			quiet && difference ? now_ns + STAYS_NS : 0;
	if (quiet)
		account->difference = difference;
	if (quiet && !difference)
		account->unaccounted = 0;
	else if (quiet && difference > 0 && now_ns >= account->differs_at)
		account->unaccounted = difference;
}

static void publish(struct account *account, uint64_t now_ns)
{
	uint64_t found = queue_pending(account->queue) +
			 queue_in_ring(account->queue) + account->aside +
			 account->endpoint->ops->unsent(account->endpoint);
	struct metrics_counts now;

	count(account, &now);
	/* Behind the others: it is the first to be counted. */
	now.captured = queue_captured(account->queue);
	int64_t left = now.captured - now.sent - now.skipped - sum(now.dropped);
	reconcile(account, now.captured, left, found, now_ns);
	now.dropped[DROP_UNACCOUNTED] = account->unaccounted;
	left -= account->unaccounted;
	/* Where more is known than was captured, the file shows that. */
	now.queued = left > (int64_t)found ? (uint64_t)left : found;
	if (now.queued > account->before.queued_most)
		account->before.queued_most = now.queued;
	now.queued_most = account->before.queued_most;
	metrics_publish(account->metrics, account->index, &now);
}

static void write_file(struct account *account)
{
	int error = metrics_write(account->metrics);

	if (error && !account->write_failed)
		log_line(NULL, "metrics: %s: %s; trying on", strerror(-error),
			 "the file cannot be written");
	account->write_failed = error;
}

void account_settle(struct account *account, uint64_t now_ns)
{
	publish(account, now_ns);
	log_when_due(account, now_ns);
	if (metrics_take(account->metrics, now_ns))
		write_file(account);
}

uint64_t account_due(const struct account *account)
{
	uint64_t due = metrics_due(account->metrics);
	uint64_t dropped[DROP_CAUSE_COUNT];
	bool unlogged = drops(account, dropped) >
			account->metrics->logged[account->index];

	if (unlogged && account->drop_log_at < due)
		due = account->drop_log_at;
	if (account->differs_at && account->differs_at < due &&
	    account->difference > (int64_t)account->unaccounted)
		due = account->differs_at;
	return due;
}

void account_end(struct account *account)
{
	publish(account, clock_steady());
	write_file(account);
}

void account_close(struct account *account)
{
	publish(account, UINT64_MAX);
	account->drop_log_at = 0;
	log_when_due(account, clock_steady());
}

void account_unstarted(struct metrics *metrics, const struct tap_config *config,
		       size_t index, struct queue *queue)
{
	size_t left = queue ? queue_collect(queue, ACCOUNT_ALL) : 0;
	struct metrics_counts now;

	say_refused(metrics, config, index);
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
