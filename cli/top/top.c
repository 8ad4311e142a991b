/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim top: the taps' counters, and what is received, once a second.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/read/input.h"
#include "cli/top/live.h"
#include "cli/top/plain.h"
#include "cli/top/screen.h"
#include "cli/top/view.h"
#include "cli/top/watched.h"

static const struct command_option options[] = {
	OPTION('b', NULL, NULL, "plain lines, also on a terminal"),
	OPTION('n', NULL, "COUNT", "end after so many times"),
	INPUT_OPTIONS(
		"Messages to show names, types, RCODEs and latencies of:"),
	CHOICE_OPTION(NULL),
	INPUT_LIMITS(NULL),
	{ 0 },
};

static command_main top_main;

const struct command top_command = {
	"top",
	"watch the counters of processes' taps, and messages",
	top_main,
	COMMAND_ANY_ORDER,
	"[OPTION]... [FILE|PID|PROGRAM|UNIT]...",
	"Shows the counters of each tap, once a second: out of the metrics FILE\n"
	"that DNSTAP_METRICS or the configuration names; or those of the process\n"
	"PID, of those that run PROGRAM or belong to the UNIT of systemd, and of\n"
	"those that descend from them. The library writes the files every 10\n"
	"seconds; rates are those between the last two times, and AGE says how "
	"many\n"
	"seconds ago the last one was.\n"
	"\n"
	"On a terminal it fills the screen, and h tells the keys; elsewhere it is "
	"a\n"
	"line a tap.\n",
	options,
	.operands = "FILE",
};

struct top {
	struct watched watched;
	struct input input;
	struct live live;
	struct view view;
	struct plain plain;
	struct collector *collector;
	int timer;
	uint64_t count; /* times still wanted; 0: no end */
	bool lines;     /* although there is a screen */
	bool on_screen;
	int status;
};

/* For cli_show. */
static struct view *shown;

static void tell(const char *text)
{
	view_tell(shown, text);
}

static const struct live *live_of(const struct top *top)
{
	return top->input.n ? &top->live : NULL;
}

static int fail(struct top *top, int status)
{
	top->status = status;
	return 1;
}

/* Looks again. Returns not 0 to end. */
static int refresh(struct top *top)
{
	int status = watched_refresh(&top->watched);

	if (status != EX_OK)
		return fail(top, status);
	if (top->input.n && live_turn(&top->live))
		return fail(top, cli_no_memory());
	return 0;
}

/* In what order the rows were shown before does not matter. Returns not 0 to end. */
static int show(struct top *top)
{
	struct rows rows;

	if (!rows_make(&rows, &top->watched))
		return fail(top, cli_no_memory());
	if (top->on_screen)
		view_draw(&top->view, &top->watched, &rows, live_of(top));
	else
		plain_print(&top->plain, &rows, live_of(top));
	rows_release(&rows);
	return 0;
}

static int tick(struct top *top)
{
	if (top->view.paused)
		return 0;
	if (refresh(top) || show(top))
		return 1;
	return cli_flush() || --top->count == 0;
}

static int on_timer(void *context)
{
	struct top *top = context;
	uint64_t times;

	if (read(top->timer, &times, sizeof(times)) < 0)
		return 0;
	return tick(top);
}

static int on_keys(void *context)
{
	struct top *top = context;
	int key;

	if (screen_is_gone())
		return 1;
	while ((key = screen_key()) != SCREEN_NO_KEY) {
		if (view_key(&top->view, key) == VIEW_QUIT || show(top))
			return 1;
	}
	return 0;
}

static int on_frame(void *context, const uint8_t *data, size_t size)
{
	struct top *top = context;

	return live_add(&top->live, data, size) ? fail(top, cli_no_memory())
						: 0;
}

static int on_signal(void *context, int signal)
{
	(void)context;
	(void)signal;
	return 1;
}

/* A signal may have told of a new size. */
static int on_idle(void *context)
{
	const struct top *top = context;

	return top->on_screen ? on_keys(context) : 0;
}

/* Once a second. Returns false if that cannot be. */
static bool start_timer(struct top *top)
{
	const struct itimerspec second = { { 1, 0 }, { 1, 0 } };

	top->timer =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return top->timer >= 0 &&
	       !timerfd_settime(top->timer, 0, &second, NULL);
}

static void begin_screen(struct top *top)
{
	if (top->lines || !screen_is_there())
		return;
	top->on_screen = screen_begin();
	if (!top->on_screen)
		return;
	shown = &top->view;
	cli_show = tell;
	collector_watch(top->collector, STDIN_FILENO, on_keys);
}

static void end_screen(void)
{
	screen_end();
	cli_show = NULL;
}

/* The signals are the collector's by now, so that none leaves the terminal as it is. */
static int run(struct top *top)
{
	int status = input_open(&top->input, top->collector);

	if (status != EX_OK)
		return status;
	if (!start_timer(top))
		return cli_no_memory();
	collector_watch(top->collector, top->timer, on_timer);
	begin_screen(top);
	/* Lines are not taken back: the first waits for messages that it can tell of. */
	bool waits = top->input.n && !top->on_screen;
	if (waits || !tick(top))
		status = collector_run(top->collector);
	end_screen();
	return top->status == EX_OK ? status : top->status;
}

static int begin_and_run(struct top *top)
{
	const struct collector_events events = { on_frame, on_signal, on_idle,
						 top };
	int status = watched_begin(&top->watched);

	if (status != EX_OK)
		return status;
	if (top->input.n && live_begin(&top->live))
		return cli_no_memory();
	top->collector = collector_new(&events, top->input.timeout);
	if (!top->collector)
		return cli_no_memory();
	signal(SIGPIPE, SIG_IGN);
	return run(top);
}

static int set_option(struct top *top, int option, const char *value)
{
	switch (option) {
	case 'b':
		top->lines = true;
		return EX_OK;
	case 'n':
		if (cli_number(value, 1, UINT64_MAX, &top->count))
			return EX_OK;
		return cli_usage("-n wants a number, not '%s'", value);
	case 'f':
		return choice_add(&top->live.choice, value);
	default:
		return input_option(&top->input, option, value);
	}
}

/* Returns -1 to go on, or an exit status. */
static int parse(struct top *top, int argc, char **argv)
{
	int option, status = EX_OK;

	while ((option = command_next(&top_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		status = set_option(top, option, optarg);
		if (status != EX_OK)
			return status;
	}
	top->watched.words = argv + optind;
	top->watched.n_words = (size_t)(argc - optind);
	if (!top->watched.n_words && !top->input.n)
		return cli_usage(
			"name a metrics file, a process, a program or "
			"a unit; or give messages to show, -u PATH say");
	if (top->live.choice.made && !top->input.n)
		return cli_usage("-f chooses among messages: give -u PATH, "
				 "-l HOST:PORT, -c TAP or -r FILE");
	return -1;
}

static int top_main(int argc, char **argv)
{
	struct top top = { .input = INPUT_INIT, .timer = -1 };
	int status = parse(&top, argc, argv);

	if (status < 0)
		status = begin_and_run(&top);
	collector_free(top.collector);
	if (top.timer >= 0)
		close(top.timer);
	watched_release(&top.watched);
	live_release(&top.live);
	input_release(&top.input);
	return status;
}
