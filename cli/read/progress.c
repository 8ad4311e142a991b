/* SPDX-License-Identifier: Apache-2.0
 *
 * The line ends with a carriage return, and goes when something else is said.
 */
#include "cli/read/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/read/source.h"

#define LONG     (UINT64_C(16) << 20) /* octets; less takes no time */
#define EVERY_MS 250

void progress_begin(struct progress *progress, bool messages)
{
	progress->wanted =
		isatty(STDERR_FILENO) && !(messages && isatty(STDOUT_FILENO));
	progress->began = source_clock();
}

static void show_left(int64_t elapsed_ms, double part)
{
	double left = (double)elapsed_ms / 1000 * (1 - part) / part;

	if (part > 0 && elapsed_ms > EVERY_MS)
		fprintf(stderr, ", %.0f s left", left);
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total,
		   uint64_t messages)
{
	int64_t now = progress->wanted && total >= LONG ? source_clock() : 0;
	double part = (double)done / (double)total;

	if (!now || now < progress->due)
		return;
	progress->due = now + EVERY_MS;
	fprintf(stderr, "\r\033[K%5.1f %%, %" PRIu64 " messages", 100 * part,
		messages);
	show_left(now - progress->began, part);
	fputc('\r', stderr);
	fflush(stderr);
	cli_line_open = true;
}

void progress_end(struct progress *progress)
{
	progress->wanted = false;
	cli_close_line();
}
