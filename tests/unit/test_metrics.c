/* SPDX-License-Identifier: Apache-2.0
 *
 * What the file says of what was published and lost, and who writes it when.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/tap/metrics.h"

#define ROUNDS 300
#define OURS   ",program=\"named\",process=\"0\""

static struct tap_config taps[] = {
	{ .socket = (char *)"one \"quoted\\\"", .queue = 1 },
	{ .socket = (char *)"other", .queue = 2 },
};
static char room[] = "/tmp/test_metrics.XXXXXX", path[PATH_MAX];
static struct config config = { .program = (char *)"named",
				.n_taps = 2,
				.taps = taps,
				.metrics_path = path };
static struct metrics metrics;

static void set_up(void)
{
	cr_assert_neq(mkdtemp(room), NULL);
	snprintf(path, sizeof(path), "%s/metrics", room);
	metrics_begin(&config);
}

static void tear_down(void)
{
	unlink(path);
	cr_assert_eq(rmdir(room), 0, "nothing is left beside it");
}

static const char *text(void)
{
	static char octets[1 << 16];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, octets, sizeof(octets) - 1);

	cr_assert_geq(n, 0);
	octets[n] = '\0';
	close(fd);
	return octets;
}

static void assert_says(const char *line)
{
	cr_assert(strstr(text(), line), "no %s in %s", line, text());
}

TestSuite(metrics, .init = set_up, .fini = tear_down, .timeout = 60);

/* What it has counted while it was being removed is in a file, once. */
Test(metrics, a_tap_that_was_removed_is_shown_once_more)
{
	struct metrics_counts counts = { .captured = 7, .sent = 4 };

	metrics_publish(&metrics, 1, &counts);
	cr_assert_eq(metrics_write(&metrics, NULL), 0);
	counts.sent = 7;
	metrics_publish(&metrics, 1, &counts);
	metrics_retire(1);
	cr_assert_eq(metrics_write(&metrics, NULL), 0);
	assert_says("sent_total{tap=\"other\",index=\"1\"" OURS "} 7\n");
	cr_assert_eq(metrics_write(&metrics, NULL), 0);
	cr_assert_eq(strstr(text(), "other"), NULL);
	assert_says("index=\"0\"");
}

/* Before this process was forked: of it there is nothing to say. */
Test(metrics, a_tap_that_was_removed_and_never_counted_is_not_shown)
{
	metrics_change(&config, 1 << 1);
	cr_assert_eq(metrics_write(&metrics, NULL), 0);
	cr_assert_eq(strstr(text(), "other"), NULL);
	assert_says("index=\"0\"");
}

Test(metrics, what_was_lost_is_added)
{
	struct metrics_counts counts = { .captured = 7,
					 .sent = 4,
					 .dropped[DROP_UNSTARTED] = 3 };

	metrics_publish(&metrics, 1, &counts);
	metrics.lost[0] = 5;
	metrics.lost[1] = 2;
	cr_assert_eq(metrics_write(&metrics, NULL), 0);
	assert_says("dnstapshim_captured_total{tap=\"one \\\"quoted\\\\\\\"\","
		    "index=\"0\"" OURS "} 5\n");
	assert_says("captured_total{tap=\"other\",index=\"1\"" OURS "} 9\n");
	assert_says("dropped_total{tap=\"other\",index=\"1\","
		    "cause=\"unstarted\"" OURS "} 5\n");
	assert_says("queue_capacity{tap=\"other\",index=\"1\"" OURS
		    "} 20000\n");
}

Test(metrics, one_takes_the_turn)
{
	uint64_t now = NS_PER_S;

	cr_assert(metrics_take(&metrics, now));
	cr_assert(!metrics_take(&metrics, now));
	cr_assert_eq(metrics_due(&metrics),
		     now + METRICS_INTERVAL_S * NS_PER_S);
	config.metrics_path = NULL;
	cr_assert(!metrics_take(&metrics, now + 100 * NS_PER_S));
	cr_assert_eq(metrics_due(&metrics), UINT64_MAX);
}

static void *publish_and_write(void *tap)
{
	size_t index = tap == &taps[1];

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		metrics_publish(&metrics, index,
				&(struct metrics_counts){ .captured = i });
		cr_assert_eq(metrics_write(&metrics, NULL), 0);
	}
	return NULL;
}

/* Whoever is refused relies on the other: the last file shows both. */
Test(metrics, both_write_at_once)
{
	pthread_t thread;

	for (int i = 0; i < 10; i++) {
		pthread_create(&thread, NULL, publish_and_write, &taps[1]);
		publish_and_write(&taps[0]);
		pthread_join(thread, NULL);
		assert_says("index=\"0\"" OURS "} 300\n");
		assert_says("captured_total{tap=\"other\",index=\"1\"" OURS
			    "} 300\n");
	}
}

Test(metrics, the_last_to_leave_writes)
{
	metrics_join(&metrics);
	metrics_join(&metrics);
	metrics_leave(&metrics, NULL);
	cr_assert_eq(access(path, F_OK), -1);
	metrics_leave(&metrics, NULL);
	cr_assert_eq(access(path, F_OK), 0);
}

Test(metrics, mode_is_ours)
{
	struct stat about;

	umask(077);
	cr_assert_eq(metrics_write(&metrics, NULL), 0);
	cr_assert_eq(stat(path, &about), 0);
	cr_assert_eq(about.st_mode & 07777, 0644);
}
