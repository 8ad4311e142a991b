/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap of a process as top shows it, and the columns for it.
 */
#pragma once

#include <stdio.h>

#include "cli/top/watched.h"

struct row {
	const struct watched_file *file;
	const struct counters_tap *tap;
	struct exposition_tap
		before; /* the time before; the same if there was none */
	double seconds; /* since then; 0: there was none */
	double age;     /* since the library wrote it */
};

struct rows {
	struct row *row; /* in the order of the files and of their taps */
	size_t n;
};

/* Of all that has been read. They are good until the files are read again; release with
 * rows_release. Returns false when out of memory. */
bool rows_make(struct rows *rows, const struct watched *watched);
void rows_release(struct rows *rows);

/* What grew, a second; 0 if there was nothing before, or it began anew. */
double row_rate(const struct row *row, uint64_t before, uint64_t now);

#define ROW_CELL 256

struct column {
	const char *heading;
	int width; /* negative: to the left */
	unsigned
		rank; /* what goes first where there is room for some only; 0 first */
	/* How it is shown; NULL: as the value is. */
	void (*text)(const struct row *row, char out[ROW_CELL]);
	/* What it is sorted by; NULL: the text. */
	double (*value)(const struct row *row);
	int decimals;
};

/* In their order; the tap, which takes what room there is, is not among them. */
extern const struct column columns[];
extern const size_t n_columns;

/* By the column, NULL: as they are; of numbers the largest come first. */
void rows_sort(struct rows *rows, const struct column *column, bool reverse);

/* The cell, no wider than its column; or with all digits, whatever its width. */
void column_put(const struct column *column, const struct row *row,
		char out[ROW_CELL]);
void column_put_exactly(const struct column *column, const struct row *row,
			char out[ROW_CELL]);
void column_put_heading(const struct column *column, char out[ROW_CELL]);
