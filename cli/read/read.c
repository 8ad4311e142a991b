/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim read: a collector and reader of dnstap, with the options and the
 * output forms of golang-dnstap's tool.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/read/activated.h"
#include "cli/read/choice.h"
#include "cli/read/collector.h"
#include "cli/read/dnstap.h"
#include "cli/read/input.h"
#include "cli/read/output.h"
#include "cli/read/progress.h"
#include "cli/read/relay.h"
#include "cli/read/stats.h"

enum { OPTION_STATS = 256 };

static const struct command_option options[] = {
	INPUT_OPTIONS("Sources, any number of them:"),
	OUTPUT_OPTIONS("Output:"),
	OPTION('U', NULL, "PATH",
	       "on to the collector that listens on this unix socket"),
	OPTION('T', NULL, "HOST:PORT",
	       "on to the collector that listens at this TCP address; with one\n"
	       "of these messages are written only if a form or FILE is given"),
	OPTION(OPTION_STATS, "stats", NULL,
	       "a summary at the end, and messages only where a form or FILE\n"
	       "is given: top names, clients, types, RCODEs, latencies,\n"
	       "unanswered queries"),
	CHOICE_OPTION("Which messages:"),
	OPTION('n', NULL, "COUNT", "end after so many messages"),
	INPUT_LIMITS("Otherwise:"),
	{ 0 },
};

static command_main read_main;

const struct command read_command = {
	"read",
	"collect or read dnstap, and show it",
	read_main,
	COMMAND_IN_ORDER,
	"[-u PATH | -l HOST:PORT | -c TAP | -r FILE | -]... [OPTION]...",
	"Receives dnstap from senders, taps and files, and shows or writes it.\n",
	options,
	"SIGHUP opens FILE anew. Quiet text has mnemonics for message types: A "
	"auth,\n"
	"R resolver, C client, F forwarder, S stub, T tool, U update; then Q "
	"query or\n"
	"R response.\n",
	"FILE",
};

struct read {
	struct input input;
	struct output output;
	struct choice choice;
	struct relay relay;
	struct progress progress;
	struct collector *collector;
	uint64_t messages; /* so far */
	bool wants_stats;
	struct stats *stats; /* NULL: not wanted */
	uint64_t count;      /* messages still wanted */
	int error;           /* of the output */
	int activated; /* sockets that a service manager listens on for us */
};

static int on_error(struct read *read, int error)
{
	if (error)
		read->error = error;
	return error ? 1 : 0;
}

static int on_message(struct read *read, const Dnstap__Dnstap *dnstap,
		      const uint8_t *data, size_t size)
{
	int error;

	if (dnstap && !choice_wants(&read->choice, dnstap->message))
		return 0;
	error = output_message(&read->output, dnstap, data, size);
	if (!error && dnstap && read->stats)
		error = stats_add(read->stats, dnstap->message);
	if (on_error(read, error))
		return 1;
	return (dnstap && relay_frame(&read->relay, data, size)) ||
	       --read->count == 0;
}

/* What is only passed on need not be read. */
static int on_frame(void *context, const uint8_t *data, size_t size)
{
	struct read *read = context;
	Dnstap__Dnstap *dnstap;
	int result;

	read->messages++;
	if (!read->choice.made && !read->stats && !read->relay.count) {
		result =
			on_error(read, output_frame(&read->output, data, size));
		return result || --read->count == 0;
	}
	dnstap = dnstap_read(data, size);
	result = on_message(read, dnstap, data, size);
	dnstap_free(dnstap);
	return result;
}

static void show_progress(struct read *read)
{
	uint64_t done, total;

	if (read->progress.wanted &&
	    collector_progress(read->collector, &done, &total))
		progress_show(&read->progress, done, total, read->messages);
}

static int on_idle(void *context)
{
	struct read *read = context;

	show_progress(read);
	return on_error(read, output_flush(&read->output)) ||
	       relay_flush(&read->relay);
}

static int on_signal(void *context, int signal)
{
	struct read *read = context;
	int error = 0;

	if (signal != SIGHUP)
		return 1;
	if (read->output.path) {
		error = output_close(&read->output);
		if (!error)
			error = output_open(&read->output);
	}
	return on_error(read, error);
}

static int set_count(struct read *read, const char *text)
{
	if (cli_number(text, 1, UINT64_MAX, &read->count))
		return EX_OK;
	return cli_usage("-n wants a number of messages, not '%s'", text);
}

static int set_option(struct read *read, int option, const char *value)
{
	switch (option) {
	case 'u':
	case 'l':
	case 'c':
	case 'r':
	case 'F':
	case 't':
	case 'm':
		return input_option(&read->input, option, value);
	case 1:
		return input_file(&read->input, value);
	case OPTION_STATS:
		read->wants_stats = true;
		return EX_OK;
	case 'T':
	case 'U':
		return relay_add(&read->relay, (char)option, value);
	case 'f':
		return choice_add(&read->choice, value);
	case 'n':
		return set_count(read, value);
	default:
		return output_option(&read->output, option, value);
	}
}

/* What only the whole command line can tell. */
static int settle(struct read *read)
{
	if (read->input.n == 0 && !read->activated)
		return cli_usage("nothing to read: give -u PATH, -l HOST:PORT, "
				 "-c TAP, -r FILE or -");
	read->output.nothing = (read->wants_stats || read->relay.count) &&
			       !read->output.form && !read->output.path;
	if (read->wants_stats && !read->output.path &&
	    output_is_binary(&read->output))
		return cli_usage("--stats is text: the messages need a FILE of "
				 "their own, -w FILE");
	return output_settle(&read->output);
}

/* Returns -1 to go on, or an exit status. */
static int parse(struct read *read, int argc, char **argv)
{
	int option, status = EX_OK;

	while ((option = command_next(&read_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		if (option == 1 && strcmp(optarg, "-"))
			return cli_usage("'%s': a file to read is given with "
					 "-r",
					 optarg);
		status = set_option(read, option, optarg);
		if (status != EX_OK)
			return status;
	}
	if (optind < argc)
		return cli_usage("'%s': no arguments follow '--'",
				 argv[optind]);
	status = settle(read);
	return status == EX_OK ? -1 : status;
}

static int add_sources(const struct read *read, struct collector *collector)
{
	int status = EX_OK;

	for (int i = 0; i < read->activated && status == EX_OK; i++)
		status = collector_activated(collector, ACTIVATED_FIRST + i);
	return status == EX_OK ? input_open(&read->input, collector) : status;
}

static int output_status(const struct read *read, int error)
{
	/* The reader at the other end of the pipe has seen enough. */
	if (error == -EPIPE)
		return EX_OK;
	cli_warn("%s: %s",
		 read->output.path ? read->output.path : "standard output",
		 strerror(-error));
	return EX_IOERR;
}

/* The messages before it have been written, to the same place or another. */
static int print_stats(const struct stats *stats)
{
	stats_print(stats, stdout);
	return cli_flush();
}

static int run(struct read *read, struct collector *collector)
{
	int status;

	read->collector = collector;
	progress_begin(&read->progress,
		       !read->output.path && !read->output.nothing);
	status = collector_run(collector);
	progress_end(&read->progress);
	int relayed = relay_close(&read->relay);
	int error = output_close(&read->output);

	output_report(&read->output);
	if (!error && !read->error && read->stats)
		error = print_stats(read->stats);
	if (read->error)
		error = read->error;
	if (error)
		return output_status(read, error);
	return status == EX_OK ? relayed : status;
}

/* What it listens at and what it passes on to may be one place; so may what it reads and
 * what it writes. */
static int refuse_loop(const struct read *read)
{
	if (input_reads(&read->input, &read->output))
		return output_refuse(&read->output);
	for (size_t i = 0; i < read->relay.count; i++) {
		bool path = read->relay.to[i].option == 'U';
		const char *to = read->relay.to[i].where;
		const char *at = input_reached(&read->input, path, to);

		if (at)
			return cli_usage("-%c '%s': it listens there itself, "
					 "by -%c '%s'",
					 read->relay.to[i].option, to,
					 path ? 'u' : 'l', at);
	}
	return EX_OK;
}

static int open_and_run(struct read *read, struct collector *collector)
{
	int status = add_sources(read, collector);
	int error;

	if (status == EX_OK)
		status = refuse_loop(read);
	if (status == EX_OK)
		status = relay_open(&read->relay);
	if (status != EX_OK)
		return status;
	error = output_open(&read->output);
	if (error) {
		cli_warn("%s: %s", read->output.path, strerror(-error));
		return EX_CANTCREAT;
	}
	return run(read, collector);
}

static int read_main(int argc, char **argv)
{
	struct read read = { .count = UINT64_MAX,
			     .input = INPUT_INIT,
			     .activated = activated_take() };
	const struct collector_events events = { on_frame, on_signal, on_idle,
						 &read };
	struct collector *collector = NULL;
	int status = parse(&read, argc, argv);

	if (status < 0) {
		signal(SIGPIPE, SIG_IGN);
		if (read.wants_stats)
			read.stats = stats_new(0);
		if (read.stats || !read.wants_stats)
			collector = collector_new(&events, read.input.timeout);
		status = collector ? open_and_run(&read, collector)
				   : cli_no_memory();
	}
	collector_free(collector);
	relay_close(&read.relay);
	output_release(&read.output);
	choice_release(&read.choice);
	stats_free(read.stats);
	input_release(&read.input);
	return status;
}
