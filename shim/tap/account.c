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
#define DROP_TEXT_MAX 40 /* a cause and its count */
#define NEVER         UINT64_MAX

void account_open(struct account *account)
{
	bool writes = metrics_wanted(account->metrics) && account->index == 0;

	account->write_at = writes ? 0 : NEVER;
}

/* That nobody has connected to us is said once, and how much it was at the end.
 */
static bool is_expected(const struct account *account)
{
	return account->config->listen &&
	       !queue_finish_deadline(account->queue);
}

static uint64_t dropped_for(const struct account *account,
			    enum drop_cause cause)
{
	return cause == DROP_ENDPOINT && is_expected(account)
		       ? 0
		       : queue_dropped(account->queue, cause);
}

static uint64_t dropped(const struct account *account)
{
	uint64_t sum = 0;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		sum += dropped_for(account, cause);
	return sum;
}

/* While the sum grows. */
static void log_drops(struct account *account, uint64_t now)
{
	char causes[DROP_CAUSE_COUNT * DROP_TEXT_MAX] = "";
	uint64_t sum = 0;
	size_t at = 0;

	if (dropped(account) == account->drop_logged ||
	    now < account->drop_log_at)
		return;
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++) {
		uint64_t count = dropped_for(account, cause);

		sum += count;
		if (count)
			at += snprintf(causes + at, DROP_TEXT_MAX,
				       " %s=%" PRIu64, drop_names[cause],
				       count);
	}
	log_line(account->config->socket,
		 "dropped %" PRIu64 " messages, %" PRIu64 " in all:%s",
		 sum - account->drop_logged, sum, causes);
	account->drop_logged = sum;
	account->drop_log_at = now + DROP_LOG_NS;
}

static void publish(struct account *account)
{
	const struct endpoint_ops *ops = account->endpoint->ops;
	struct session_counts counts;
	uint64_t queued =
		queue_pending(account->queue) + ops->unsent(account->endpoint);

	ops->count(account->endpoint, &counts);
	if (queued > account->queued_most)
		account->queued_most = queued;
	struct metrics_counts now = {
		.sent = counts.frames,
		.octets = counts.octets,
		.skipped = account->skipped,
		.queued = queued,
		.queued_most = account->queued_most,
		.connects = counts.connects,
		.disconnects = counts.disconnects,
		.handshake_failures = counts.handshake_failures,
		.missed = counts.missed,
		.up = counts.up,
	};
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		now.dropped[cause] = queue_dropped(account->queue, cause);
	metrics_publish(account->metrics, account->index, &now);
}

static void write_file(struct account *account, uint64_t now)
{
	if (now < account->write_at)
		return;
	int error = metrics_write(account->metrics);
	if (error && !account->write_failed)
		log_line(NULL, "metrics: %s: %s; trying on", strerror(-error),
			 "the file cannot be written");
	account->write_failed = error;
	account->write_at = now + METRICS_INTERVAL_S * NS_PER_S;
}

void account_settle(struct account *account, uint64_t now_ns)
{
	log_drops(account, now_ns);
	publish(account);
	write_file(account, now_ns);
}

uint64_t account_due(const struct account *account)
{
	bool unlogged = dropped(account) != account->drop_logged;

	return unlogged && account->drop_log_at < account->write_at
		       ? account->drop_log_at
		       : account->write_at;
}

void account_close(struct account *account)
{
	account->drop_log_at = 0;
	log_drops(account, clock_steady());
	publish(account);
	metrics_leave(account->metrics);
}
