/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of columns.
 */
#include "cli/top/row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/common.h"

static double seconds_between(struct timespec from, struct timespec to)
{
	return (double)(to.tv_sec - from.tv_sec) +
	       (double)(to.tv_nsec - from.tv_nsec) / (double)NS_PER_S;
}

static struct row make(const struct watched_file *file,
		       const struct counters_tap *tap, struct timespec now)
{
	const struct exposition_tap *before = counters_find(&file->before, tap);
	struct row row = { .file = file,
			   .tap = tap,
			   .before = before ? *before : tap->tap,
			   .age = seconds_between(file->last.written, now) };

	if (before)
		row.seconds = seconds_between(file->before.written,
					      file->last.written);
	return row;
}

bool rows_make(struct rows *rows, const struct watched *watched)
{
	struct timespec now;
	size_t n = 0;

	for (size_t i = 0; i < watched->n; i++)
		n += watched->files[i].last.n;
	*rows = (struct rows){ .row = calloc(n + 1, sizeof(*rows->row)) };
	if (!rows->row)
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < watched->n; i++) {
		const struct watched_file *file = &watched->files[i];

		for (size_t j = 0; j < file->last.n; j++)
			rows->row[rows->n++] =
				make(file, &file->last.taps[j], now);
	}
	return true;
}

void rows_release(struct rows *rows)
{
	free(rows->row);
	*rows = (struct rows){ 0 };
}

double row_rate(const struct row *row, uint64_t before, uint64_t now)
{
	if (row->seconds <= 0 || now < before)
		return 0;
	return (double)(now - before) / row->seconds;
}

/* Values */

#define COUNT(name, member)                                 \
	static double name(const struct row *row)           \
	{                                                   \
		return (double)row->tap->tap.counts.member; \
	}

#define RATE(name, member)                                      \
	static double name(const struct row *row)               \
	{                                                       \
		return row_rate(row, row->before.counts.member, \
				row->tap->tap.counts.member);   \
	}

COUNT(captured, captured)
COUNT(sent, sent)
COUNT(skipped, skipped)
COUNT(queued, queued)
COUNT(queued_most, queued_most)
COUNT(connects, connects)
COUNT(disconnects, disconnects)
RATE(captured_rate, captured)
RATE(sent_rate, sent)

static double dropped(const struct row *row)
{
	return (double)counters_dropped(&row->tap->tap);
}

static double dropped_rate(const struct row *row)
{
	return row_rate(row, counters_dropped(&row->before),
			counters_dropped(&row->tap->tap));
}

static double age(const struct row *row)
{
	return row->age;
}

/* Texts */

/* Of a file, of which nobody knows whose it is, its place among the processes of the
 * program. */
static void put_process(const struct row *row, char out[ROW_CELL])
{
	if (row->file->pid)
		snprintf(out, ROW_CELL, "%d", (int)row->file->pid);
	else
		snprintf(out, ROW_CELL, "#%zu", row->tap->process);
}

static void put_program(const struct row *row, char out[ROW_CELL])
{
	const char *path = row->file->program;

	if (*row->tap->program)
		snprintf(out, ROW_CELL, "%s", row->tap->program);
	else
		snprintf(out, ROW_CELL, "%s", path ? basename(path) : "-");
}

/* Several collectors may have connected. */
static void put_state(const struct row *row, char out[ROW_CELL])
{
	uint64_t up = row->tap->tap.counts.up;

	if (row->file->ended)
		snprintf(out, ROW_CELL, "ended");
	else if (up > 1)
		snprintf(out, ROW_CELL, "up:%" PRIu64, up);
	else
		snprintf(out, ROW_CELL, up ? "up" : "down");
}

static void put_age(const struct row *row, char out[ROW_CELL])
{
	static const struct {
		double seconds, below;
		const char *unit;
	} units[] = { { 1, 1000, "" }, { 60, 100, "m" }, { 3600, 100, "h" } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		double age = row->age / units[i].seconds;

		if (age < units[i].below - 0.5) {
			snprintf(out, ROW_CELL, "%.0f%s", age, units[i].unit);
			return;
		}
	}
	snprintf(out, ROW_CELL, ">4d");
}

const struct column columns[] = {
	{ "PID", 7, 0, put_process, NULL, 0 },
	{ "PROGRAM", -10, 6, put_program, NULL, 0 },
	{ "AGE", 3, 7, put_age, age, 0 },
	{ "STATE", -5, 1, put_state, NULL, 0 },
	{ "CAPTURED", 10, 9, NULL, captured, 0 },
	{ "CAPT/s", 8, 2, NULL, captured_rate, 0 },
	{ "SENT", 10, 10, NULL, sent, 0 },
	{ "SENT/s", 8, 4, NULL, sent_rate, 0 },
	{ "SKIPPED", 9, 13, NULL, skipped, 0 },
	{ "DROPPED", 8, 3, NULL, dropped, 0 },
	{ "DROP/s", 7, 8, NULL, dropped_rate, 0 },
	{ "QUEUED", 6, 5, NULL, queued, 0 },
	{ "PEAK", 6, 11, NULL, queued_most, 0 },
	{ "CONN", 5, 12, NULL, connects, 0 },
	{ "LOST", 5, 14, NULL, disconnects, 0 },
};
const size_t n_columns = ARRAY_SIZE(columns);

/* Of text what is too long is cut. */
static void pad(const struct column *column, const char *text,
		char out[ROW_CELL])
{
	int width = column->width;

	snprintf(out, ROW_CELL, "%*.*s", width, abs(width), text);
}

/* In thousands, or millions …, as far as there is no room. */
static void put_number(const struct column *column, double value,
		       char out[ROW_CELL])
{
	const char *unit = "KMGTP";
	int size = snprintf(out, ROW_CELL, "%*.*f", column->width,
			    column->decimals, value);

	for (; size > column->width && *unit; unit++) {
		value /= 1000;
		size = snprintf(out, ROW_CELL, "%.0f%c", value, *unit);
	}
}

void column_put(const struct column *column, const struct row *row,
		char out[ROW_CELL])
{
	char text[ROW_CELL];

	if (!column->text) {
		put_number(column, column->value(row), out);
		return;
	}
	column->text(row, text);
	pad(column, text, out);
}

void column_put_exactly(const struct column *column, const struct row *row,
			char out[ROW_CELL])
{
	if (column->text)
		column_put(column, row, out);
	else
		snprintf(out, ROW_CELL, "%*.*f", column->width,
			 column->decimals, column->value(row));
}

void column_put_heading(const struct column *column, char out[ROW_CELL])
{
	pad(column, column->heading, out);
}

/* The order */

struct order {
	const struct column *column;
	int sign;
};

static int compare_texts(const struct column *column, const struct row *a,
			 const struct row *b)
{
	char left[ROW_CELL], right[ROW_CELL];

	column->text(a, left);
	column->text(b, right);
	return strverscmp(left, right);
}

/* Of numbers the largest come first. */
static int compare(const void *a, const void *b, void *context)
{
	const struct order *order = context;
	double left, right;

	if (!order->column->value)
		return order->sign * compare_texts(order->column, a, b);
	left = order->column->value(a);
	right = order->column->value(b);
	return order->sign * ((left < right) - (left > right));
}

static void turn_round(struct rows *rows)
{
	for (size_t i = 0; i < rows->n / 2; i++) {
		struct row row = rows->row[i];

		rows->row[i] = rows->row[rows->n - 1 - i];
		rows->row[rows->n - 1 - i] = row;
	}
}

void rows_sort(struct rows *rows, const struct column *column, bool reverse)
{
	struct order order = { column, reverse ? -1 : 1 };

	if (column)
		qsort_r(rows->row, rows->n, sizeof(*rows->row), compare,
			&order);
	else if (reverse)
		turn_round(rows);
}
