/* SPDX-License-Identifier: Apache-2.0
 *
 * From above: a title, the taps, the one that is chosen, the causes of drops, what is
 * received, and the keys. Where lines are few, each part has some.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/top/screen.h"
#include "cli/top/view.h"
#include "proto/common.h"

#define TAP_MIN       12 /* columns, where there are enough of them */
#define SIDE          19 /* columns for each of the types and RCODEs */
#define SIDES_FROM    64 /* columns of the screen */
#define MESSAGE_DRAWS 10
#define LINE          512

static const char keys[] =
	"q quit  h help  s sort  r reverse  p pause  n names or clients";

/* Title */

static size_t count_processes(const struct rows *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++)
		n += i == 0 || rows->row[i].file != rows->row[i - 1].file ||
		     rows->row[i].tap->process != rows->row[i - 1].tap->process;
	return n;
}

static void put_title(const struct view *view, const struct watched *watched,
		      size_t processes, size_t taps)
{
	char text[LINE], clock[16] = "", without[64] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (watched->without)
		snprintf(without, sizeof(without), ", %zu without metrics",
			 watched->without);
	snprintf(text, sizeof(text),
		 "%sdnstapshim top %s  taps %zu, processes %zu%s  sort: %s%s",
		 view->paused ? "PAUSED " : "", clock, taps, processes, without,
		 view->sort ? columns[view->sort - 1].heading : "none",
		 view->reverse ? ", reversed" : "");
	screen_put(0, 0, screen_width(), SCREEN_PLAIN, text);
}

/* Taps */

/* Which columns there is room for, the most important ones first. */
static uint64_t fitting(int *used)
{
	int left = screen_width() - (screen_width() >= 60 ? TAP_MIN : 6);
	uint64_t chosen = 0;

	*used = 0;
	for (size_t rank = 0; rank < n_columns; rank++)
		for (size_t i = 0; i < n_columns; i++) {
			int width = abs(columns[i].width) + 1;

			if (columns[i].rank != rank)
				continue;
			if (*used + width > left)
				return chosen;
			*used += width;
			chosen |= UINT64_C(1) << i;
		}
	return chosen;
}

/* row: NULL for the heading. */
static void put_cells(int line, const struct row *row, enum screen_look look)
{
	int at = 0, used;
	uint64_t chosen = fitting(&used);
	char cell[ROW_CELL];

	for (size_t i = 0; i < n_columns; i++) {
		int width = abs(columns[i].width) + 1;

		if (!(chosen >> i & 1))
			continue;
		if (row)
			column_put(&columns[i], row, cell);
		else
			column_put_heading(&columns[i], cell);
		screen_put(line, at, width, look, cell);
		at += width;
	}
	screen_put(line, at, screen_width() - at, look,
		   row ? row->tap->tap.socket : "TAP");
}

static enum screen_look look_of(const struct row *row, bool chosen)
{
	if (chosen)
		return SCREEN_BAR;
	if (!row->tap->tap.counts.up || row->file->ended)
		return SCREEN_BAD;
	return SCREEN_PLAIN;
}

/* The one that is chosen is among them. */
static void put_rows(struct view *view, const struct rows *rows, int line,
		     int lines)
{
	if (view->chosen >= rows->n)
		view->chosen = rows->n ? rows->n - 1 : 0;
	if (view->first > view->chosen)
		view->first = view->chosen;
	if (lines > 0 && view->chosen >= view->first + (size_t)lines)
		view->first = view->chosen - (size_t)lines + 1;
	if (lines > 0 && view->first + (size_t)lines > rows->n)
		view->first =
			rows->n > (size_t)lines ? rows->n - (size_t)lines : 0;
	for (int i = 0; i < lines; i++) {
		size_t at = view->first + (size_t)i;

		if (at < rows->n)
			put_cells(line + i, &rows->row[at],
				  look_of(&rows->row[at], at == view->chosen));
	}
}

/* The chosen one, and drops */

static void put_chosen(const struct row *row, int line)
{
	const struct metrics_counts *counts = &row->tap->tap.counts;
	const char *state = counts->up ? "up" : "down";
	char text[LINE];

	snprintf(text, sizeof(text),
		 "%s %s: %" PRIu64 " connections, %" PRIu64 " lost, %" PRIu64
		 " failed; queue %" PRIu64 " of %" PRIu64
		 "; counted %.0f s ago",
		 row->file->ended ? "ended" : state, row->tap->tap.socket,
		 counts->connects, counts->disconnects,
		 counts->handshake_failures, counts->queued,
		 row->tap->tap.capacity, row->age);
	screen_put(line, 0, screen_width(),
		   counts->up ? SCREEN_GOOD : SCREEN_BAD, text);
}

struct causes {
	uint64_t number[DROP_CAUSE_COUNT];
	double rate[DROP_CAUSE_COUNT];
	int n; /* that have counted */
};

static struct causes add_up(const struct rows *rows)
{
	struct causes causes = { 0 };

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++) {
		for (size_t i = 0; i < rows->n; i++) {
			const struct row *row = &rows->row[i];
			uint64_t now = row->tap->tap.counts.dropped[cause];

			causes.number[cause] += now;
			causes.rate[cause] += row_rate(
				row, row->before.counts.dropped[cause], now);
		}
		causes.n += causes.number[cause] > 0;
	}
	return causes;
}

static void put_causes(const struct causes *causes, int line, int lines)
{
	char text[LINE];

	for (int i = 0; i < DROP_CAUSE_COUNT && lines > 0; i++) {
		if (!causes->number[i])
			continue;
		snprintf(text, sizeof(text),
			 "dropped: %-12s %10" PRIu64 " %8.0f/s", drop_names[i],
			 causes->number[i], causes->rate[i]);
		screen_put(line++, 0, screen_width(), SCREEN_PLAIN, text);
		lines--;
	}
}

static void put_details(const struct view *view, const struct rows *rows,
			const struct causes *causes, int line, int lines)
{
	if (lines < 1 || view->chosen >= rows->n)
		return;
	put_chosen(&rows->row[view->chosen], line);
	put_causes(causes, line + 1, lines - 1);
}

/* What is received */

static void put_sums(const struct live *live, int line)
{
	struct stats_sums sums = stats_sums(live->older);
	double seconds = live_seconds(live);
	char text[LINE];
	int used = snprintf(text, sizeof(text),
			    "%.0f s: %.0f messages/s, %.0f queries/s, %" PRIu64
			    " unanswered",
			    seconds,
			    seconds > 0 ? (double)sums.messages / seconds : 0,
			    seconds > 0 ? (double)sums.queries / seconds : 0,
			    sums.unanswered);

	if (sums.latencies)
		snprintf(text + used, sizeof(text) - (size_t)used,
			 "; ms: 50 %% %.3f, 99 %% %.3f",
			 (double)stats_latency(live->older, 500) / NS_PER_MS,
			 (double)stats_latency(live->older, 990) / NS_PER_MS);
	screen_put(line, 0, screen_width(), SCREEN_PLAIN, text);
}

static void put_ranking(const struct stats *stats, enum stats_ranking which,
			int line, int lines, int column, int width)
{
	struct stats_row rows[STATS_TOP];
	size_t n = stats_top(stats, which, rows, lines > 1 ? lines - 1 : 0);
	char text[sizeof(rows->label) + 32];

	if (lines > 0)
		screen_put(line, column, width, SCREEN_BAR,
			   stats_title(stats, which));
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%5.1f %% %s", rows[i].percent,
			 rows[i].label);
		screen_put(line + 1 + (int)i, column, width - 1, SCREEN_PLAIN,
			   text);
	}
}

static void put_live(const struct view *view, const struct live *live, int line,
		     int lines)
{
	int width = screen_width();
	bool sides = width >= SIDES_FROM;
	int left = sides ? width - 2 * SIDE : width;

	if (lines < 1)
		return;
	put_sums(live, line);
	put_ranking(live->older, view->clients ? STATS_CLIENTS : STATS_NAMES,
		    line + 1, lines - 1, 0, left);
	if (!sides)
		return;
	put_ranking(live->older, STATS_TYPES, line + 1, lines - 1, left, SIDE);
	put_ranking(live->older, STATS_RCODES, line + 1, lines - 1, left + SIDE,
		    SIDE);
}

/* All of it */

static int least(int a, int b)
{
	return a < b ? a : b;
}

struct layout {
	int rows, details, live; /* lines */
};

/* lines: between the title and the keys. */
static struct layout divide(int lines, size_t rows, int causes, bool live)
{
	struct layout part = { .live = live ? lines / 2 : 0 };
	int wanted = rows ? 1 + causes : 0;

	lines -= rows ? 1 : 0; /* the heading */
	part.details = least(wanted, (lines - part.live) / 2);
	part.rows = lines - part.live - part.details;
	if (part.rows > 0 && rows < (size_t)part.rows)
		part.rows = (int)rows;
	part.details = least(wanted, lines - part.live - part.rows);
	if (live)
		part.live = lines - part.rows - part.details;
	return part;
}

static void put_help(void)
{
	static const char *const help[] = {
		"q          quit",
		"s > , S <  sort by the next column, by the one before",
		"r          reverse the order",
		"p, space   pause: nothing changes until the next p",
		"up, down   choose a tap: its connections are told below",
		"n          names or clients, of what is received",
		"h, ?       this",
		"",
		"The library writes its counters every 10 seconds: AGE.",
		"Rates are those between the last two times.",
		"Any key goes back.",
	};

	for (int i = 0; i < (int)ARRAY_SIZE(help); i++)
		screen_put(i, 0, screen_width(), SCREEN_PLAIN, help[i]);
}

static void put_keys(struct view *view)
{
	bool told = *view->message && view->message_age++ < MESSAGE_DRAWS;

	screen_put(screen_lines() - 1, 0, screen_width(), SCREEN_BAR,
		   told ? view->message : keys);
}

static void put_parts(struct view *view, struct rows *rows,
		      const struct live *live)
{
	struct causes causes = add_up(rows);
	struct layout part =
		divide(screen_lines() - 2, rows->n, causes.n, live);
	int line = 1;

	if (rows->n)
		put_cells(line++, NULL, SCREEN_BAR);
	put_rows(view, rows, line, part.rows);
	line += part.rows;
	put_details(view, rows, &causes, line, part.details);
	line += part.details;
	if (live)
		put_live(view, live, line, part.live);
}

void view_draw(struct view *view, const struct watched *watched,
	       struct rows *rows, const struct live *live)
{
	size_t processes = count_processes(rows);

	screen_clear();
	if (view->helps) {
		put_help();
	} else {
		rows_sort(rows, view->sort ? &columns[view->sort - 1] : NULL,
			  view->reverse);
		put_title(view, watched, processes, rows->n);
		put_parts(view, rows, live);
		put_keys(view);
	}
	screen_show();
}
