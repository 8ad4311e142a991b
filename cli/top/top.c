/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim top: the taps' counters, a line a second.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/counters.h"
#include "proto/common.h"

#define HEADING_EVERY 20 /* lines */

static const struct command_option options[] = {
	OPTION('n', NULL, "COUNT", "end after so many times"),
	{ 0 },
};

static command_main top_main;

const struct command top_command = {
	"top",
	"watch the counters of a process's taps",
	top_main,
	COMMAND_ANY_ORDER,
	"[-n COUNT] FILE|PID",
	"Shows the counters of each tap, once a second: out of the metrics FILE\n"
	"that DNSTAP_METRICS or the configuration names, or that of the process\n"
	"PID. The library writes it every 10 seconds; rates are those between "
	"the\n"
	"last two times, and AGE says how many seconds ago the last one was.\n",
	options,
	.operands = "FILE",
};

struct top {
	const char *path;
	uint64_t count;
	unsigned lines;               /* since the heading */
	struct counters last, before; /* the last two that the library wrote */
};

static double seconds_between(struct timespec from, struct timespec to)
{
	return (double)(to.tv_sec - from.tv_sec) +
	       (double)(to.tv_nsec - from.tv_nsec) / (double)NS_PER_S;
}

/* What grew since the time before, a second; 0 if there was none. */
static double rate(const struct top *top, uint64_t before, uint64_t now)
{
	double elapsed =
		seconds_between(top->before.written, top->last.written);

	if (elapsed <= 0 || now < before)
		return 0;
	return (double)(now - before) / elapsed;
}

static void print_heading(struct top *top)
{
	if (top->lines++ % HEADING_EVERY)
		return;
	puts("TIME     AGE STATE   CAPTURED     /s       SENT     /s   DROPPED "
	     "QUEUED   PEAK TAP");
}

static void print_tap(struct top *top, const struct exposition_tap *tap,
		      struct timespec now)
{
	const struct exposition_tap *before = counters_find(&top->before, tap);
	const char *colour = "", *off = "";
	char clock[16] = "";
	struct tm tm;

	if (cli_colour(stdout)) {
		colour = tap->counts.up ? "\033[32m" : "\033[31m";
		off = "\033[0m";
	}
	if (localtime_r(&now.tv_sec, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (!before)
		before = tap;
	print_heading(top);
	printf("%s %3.0f %s%-5s%s %10" PRIu64 " %6.0f %10" PRIu64
	       " %6.0f %9" PRIu64 " %6" PRIu64 " %6" PRIu64 " ",
	       clock, seconds_between(top->last.written, now), colour,
	       tap->counts.up ? "up" : "down", off, tap->counts.captured,
	       rate(top, before->counts.captured, tap->counts.captured),
	       tap->counts.sent,
	       rate(top, before->counts.sent, tap->counts.sent),
	       counters_dropped(tap), tap->counts.queued,
	       tap->counts.queued_most);
	cli_put(tap->socket, stdout);
	counters_print_causes(tap, stdout);
	putchar('\n');
}

/* Takes in what the library has written, if it is new. */
static int refresh(struct top *top)
{
	struct counters fresh;
	int error = counters_read(&fresh, top->path);

	if (error) {
		counters_free(&fresh);
		return error;
	}
	if (seconds_between(top->last.written, fresh.written) == 0) {
		counters_free(&fresh);
		return 0;
	}
	counters_free(&top->before);
	top->before = top->last;
	top->last = fresh;
	return 0;
}

static int failed(const struct top *top, int error)
{
	if (error == -EINVAL)
		cli_warn("%s: this is no metrics file of the library",
			 top->path);
	else
		cli_warn("%s: %s%s", top->path, strerror(-error),
			 error == -ENOENT ? "; the library writes it once it "
					    "has seen DNS messages"
					  : "");
	return error == -EINVAL ? EX_DATAERR : EX_NOINPUT;
}

static int watch(struct top *top)
{
	struct timespec now, pause;

	for (;;) {
		int error = refresh(top);

		if (error)
			return failed(top, error);
		clock_gettime(CLOCK_REALTIME, &now);
		for (size_t i = 0; i < top->last.n; i++)
			print_tap(top, &top->last.taps[i], now);
		if (fflush(stdout))
			return EX_OK; /* the pipe's reader has gone */
		if (--top->count == 0)
			return EX_OK;
		pause = (struct timespec){ 0, (long)NS_PER_S - now.tv_nsec };
		nanosleep(&pause, NULL);
	}
}

/* The file that the user means (release with free), or NULL. */
static char *find_file(const char *word, int *status)
{
	uint64_t pid;
	char *path;

	*status = EX_OSERR;
	if (!cli_number(word, 1, INT32_MAX, &pid))
		return strdup(word);
	path = counters_path((pid_t)pid);
	if (path)
		return path;
	*status = EX_NOINPUT;
	cli_warn("process %s: it is not there, or not yours, or writes no "
		 "metrics file: neither DNSTAP_METRICS nor its "
		 "configuration names one",
		 word);
	return NULL;
}

static int top_file(const char *word, uint64_t count)
{
	struct top top = { .count = count };
	int status;
	char *path = find_file(word, &status);

	if (!path)
		return status;
	top.path = path;
	status = watch(&top);
	counters_free(&top.last);
	counters_free(&top.before);
	free(path);
	return status;
}

static int top_main(int argc, char **argv)
{
	uint64_t count = 0;
	int option, status = EX_OK;

	while ((option = command_next(&top_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		if (!cli_number(optarg, 1, UINT64_MAX, &count))
			return cli_usage("-n wants a number, not '%s'", optarg);
	}
	if (optind == argc)
		return cli_usage("name a metrics file or a process");
	if (argc - optind > 1)
		return cli_usage("'%s': give one file or process only",
				 argv[optind + 1]);
	return top_file(argv[optind], count);
}
