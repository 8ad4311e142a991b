/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of all columns.
 */
#include "cli/top/plain.h"

#include <inttypes.h>
#include <time.h>

#include "cli/cli.h"
#include "proto/common.h"

#define HEADING_EVERY 20 /* lines */
#define LIVE_TOP      5

static void print_clock(void)
{
	time_t now = time(NULL);
	char text[16] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%-8s", text);
}

static void print_heading(struct plain *plain)
{
	char cell[ROW_CELL];

	if (plain->lines++ % HEADING_EVERY)
		return;
	fputs("TIME    ", stdout);
	for (size_t i = 0; i < n_columns; i++) {
		column_put_heading(&columns[i], cell);
		printf(" %s", cell);
	}
	puts(" TAP");
}

static void print_row(const struct row *row)
{
	char cell[ROW_CELL];

	print_clock();
	for (size_t i = 0; i < n_columns; i++) {
		column_put_exactly(&columns[i], row, cell);
		putchar(' ');
		cli_put(cell, stdout);
	}
	putchar(' ');
	cli_put(row->tap->tap.socket, stdout);
	counters_print_causes(&row->tap->tap, stdout);
	putchar('\n');
}

static void print_ranking(const struct stats *stats, enum stats_ranking which)
{
	struct stats_row rows[LIVE_TOP];
	size_t n = stats_top(stats, which, rows, LIVE_TOP);

	printf("; %s", stats_title(stats, which));
	for (size_t i = 0; i < n; i++)
		printf(" %s=%" PRIu64, rows[i].label, rows[i].number);
}

static void print_live(const struct live *live)
{
	const struct stats *stats = live->older;
	struct stats_sums sums = stats_sums(stats);

	print_clock();
	printf(" last %.0f s: messages %" PRIu64 ", queries %" PRIu64
	       ", unanswered %" PRIu64,
	       live_seconds(live), sums.messages, sums.queries,
	       sums.unanswered);
	if (sums.latencies)
		printf("; ms 50%%=%.3f 99%%=%.3f",
		       (double)stats_latency(stats, 500) / NS_PER_MS,
		       (double)stats_latency(stats, 990) / NS_PER_MS);
	for (int i = 0; i < STATS_RANKINGS; i++)
		print_ranking(stats, i);
	putchar('\n');
}

void plain_print(struct plain *plain, const struct rows *rows,
		 const struct live *live)
{
	for (size_t i = 0; i < rows->n; i++) {
		print_heading(plain);
		print_row(&rows->row[i]);
	}
	if (live)
		print_live(live);
}
