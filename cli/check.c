/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim check: the configuration as the library understands it, or all of
 * its errors; and on request, whether the collectors are there.
 */
#include <errno.h>
#include <libgen.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "config/print.h"
#include "shim/base/clock.h"
#include "shim/tap/endpoint/listener.h"
#include "shim/tap/stream/session.h"

#define TICK_MS 100

enum { OPTION_CONNECT = 256 };

static const struct command_option options[] = {
	OPTION(OPTION_CONNECT, "connect", NULL,
	       "open each endpoint instead, make the handshake and say\n"
	       "what came back (exit status 69 if one of them fails)"),
	{ 0 },
};

static command_main check_main;

const struct command check_command = {
	"check",
	"show a configuration, or what is wrong with it",
	check_main,
	COMMAND_ANY_ORDER,
	"[--connect] [FILE | -]",
	"Prints the configuration that FILE, standard input (-) or the\n"
	"environment has, with every default spelled out; or everything that\n"
	"is wrong with it (exit status 78).\n",
	options,
	.operands = "FILE",
};

/* Text, or the path of a regular file, which the library would be given (release with
 * free); or NULL, having said why, and *status. Closes the file. */
static char *read_source(const char *name, FILE *file, int *status)
{
	char *path = NULL, *text = NULL;
	struct stat about;

	if (file && file != stdin && !fstat(fileno(file), &about) &&
	    S_ISREG(about.st_mode))
		path = realpath(name, NULL);
	if (!path)
		text = cli_read_text(file, name, status);
	if (file && file != stdin)
		fclose(file);
	return path ? path : text;
}

__attribute__((format(printf, 3, 4))) static bool report(
	const struct tap_config *config, bool good, const char *format, ...)
{
	va_list args;

	printf("%s: %s: ", config->socket, good ? "ok" : "failed");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	cli_flush();
	return good;
}

/* Until the session is in that state. Returns 0 or -errno; *last is the state
 * that it was in before it was lost. */
static int await(struct session *session, enum session_state wanted,
		 enum session_state *last)
{
	for (;;) {
		struct pollfd polled = { .fd = -1 };
		uint64_t deadline;
		int error;

		*last = session_state(session);
		error = session_advance(session, clock_steady());
		if (error || session_state(session) == wanted)
			return error;
		if (session_state(session) == SESSION_CLOSED)
			return -ECONNRESET;
		/* The session looks at its deadline itself; often enough. */
		polled.fd = session_poll(session, &polled.events, &deadline);
		poll(&polled, 1, TICK_MS);
	}
}

static bool lost(const struct tap_config *config, const struct session *session,
		 enum session_state last, int error)
{
	static const char *const steps[] = {
		[SESSION_CLOSED] = "cannot connect",
		[SESSION_CONNECTING] = "cannot connect",
		[SESSION_GREETING] = "connected, but no ACCEPT came",
	};
	const char *detail = session_error(session);

	return report(config, false, "%s: %s", steps[last],
		      *detail ? detail : strerror(-error));
}

static bool converse(const struct tap_config *config, struct session *session)
{
	enum session_state last = SESSION_CLOSED;
	uint64_t begin = clock_steady();
	int error = session_open(session, begin);
	double ms;

	if (!error)
		error = await(session, SESSION_STREAMING, &last);
	if (error)
		return lost(config, session, last, error);
	ms = (double)(clock_steady() - begin) / 1e6;
	session_stop(session);
	await(session, SESSION_CLOSED, &last);
	if (config->unidirectional)
		return report(config, true, "connected in %.1f ms", ms);
	return report(config, true, "ACCEPT came after %.1f ms, and %s", ms,
		      session_counts(session)->finished
			      ? "FINISH at the end"
			      : "no FINISH (some collectors send none)");
}

static bool probe_connection(const struct tap_config *config)
{
	char error[TRANSPORT_ERROR_MAX] = "";
	struct prepared *prepared;
	bool good;

	if (transport_prepare(config, &prepared, error))
		return report(config, false, "%s", error);
	struct transport *transport = transport_new(config, prepared);
	struct session *session =
		transport ? session_new(transport, config->unidirectional)
			  : NULL;
	if (!session) {
		transport_free(transport);
		return report(config, false, "out of memory");
	}
	good = converse(config, session);
	session_free(session);
	return good;
}

static bool probe_listener(const struct tap_config *config)
{
	struct resolver_answer to = { 0 };
	struct listener listener = { 0 };
	int error = 0;

	if (config->kind != ENDPOINT_UNIX)
		resolver_look_up(config->address, config->port, AI_PASSIVE,
				 &to);
	if (!to.error)
		error = listener_open(&listener, config, &to);
	if (to.error || error)
		return report(config, false, "cannot listen there: %s",
			      to.error ? gai_strerror(to.error)
				       : strerror(-error));
	listener_close(&listener, config);
	return report(config, true, "collectors could connect here");
}

static bool probe_file(const struct tap_config *config)
{
	char *path = strdup(config->address);
	const char *directory = path ? dirname(path) : "/";
	int error = access(directory, W_OK | X_OK) ? errno : 0;
	bool good = report(config, !error, "%s: %s", directory,
			   error ? strerror(error) : "files can be made here");

	free(path);
	return good;
}

/*
 * Tries a tap's endpoint out. Connects as the tap would, says READY, START and
 * STOP, and prints a line on what came back; each step has a deadline. Where the
 * tap itself would listen or write a file, tries whether it could, and leaves
 * nothing behind. Returns whether all was well.
 */
static bool probe(const struct tap_config *config)
{
	signal(SIGPIPE, SIG_IGN);
	if (config->kind == ENDPOINT_FILE)
		return probe_file(config);
	if (config->listen)
		return probe_listener(config);
	return probe_connection(config);
}

static int probe_all(const struct config *config)
{
	int status = EX_OK;

	for (size_t i = 0; i < config->n_taps; i++)
		if (!probe(&config->taps[i]))
			status = EX_UNAVAILABLE;
	return status;
}

static int check(const char *text, const char *name, bool connect)
{
	struct config *config;
	int status = cli_load(text, name, "PROGRAM", &config);

	if (status != EX_OK)
		return status;
	if (config->n_taps == 0)
		cli_warn("no tap is configured, so the library does nothing");
	if (connect)
		status = probe_all(config);
	else
		config_print(config, stdout);
	config_free(config);
	return status;
}

static int check_source(const char *name, bool connect)
{
	bool standard = name && !strcmp(name, "-");
	char *text = NULL;
	int status = EX_OK;

	if (standard)
		name = "standard input";
	if (name)
		text = read_source(name, standard ? stdin : fopen(name, "re"),
				   &status);
	if (!name || text)
		status = check(text, name, connect);
	free(text);
	return status;
}

static int check_main(int argc, char **argv)
{
	bool connect = false;
	int option, status = EX_OK;

	while ((option = command_next(&check_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		connect = true;
	}
	if (argc - optind > 1)
		return cli_usage("'%s': give one file only", argv[optind + 1]);
	return check_source(argv[optind], connect);
}
