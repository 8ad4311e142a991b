/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim recover: what a process that died had captured, out of its flight
 * recorder.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/read/output.h"
#include "cli/recover/recording.h"
#include "cli/sender.h"

enum { OPTION_ALL = 256, OPTION_LIVE, OPTION_REMOVE };

static const struct command_option options[] = {
	OPTION(OPTION_ALL, "all", NULL,
	       "also what was sent and is still there, and what was\n"
	       "being sent; all of it in order, up to the last message"),
	OPTION(OPTION_LIVE, "live", NULL,
	       "also of a process that lives: what its recorder has\njust now"),
	OPTION(OPTION_REMOVE, "remove", NULL,
	       "remove each FILE whose messages have all been written\n"
	       "or taken"),
	OUTPUT_OPTIONS("Output, as of 'dnstapshim read':"),
	OPTION('u', NULL, "PATH",
	       "send to the collector that listens on this unix socket",
	       .heading = "or"),
	OPTION('l', NULL, "HOST:PORT",
	       "send to the collector that listens at this TCP address"),
	{ 0 },
};

static command_main recover_main;

const struct command recover_command = {
	"recover",
	"show or send what a process that crashed had captured",
	recover_main,
	COMMAND_ANY_ORDER,
	"[--all] [--live | --remove] [OUTPUT]... FILE|DIR...",
	"Shows the messages that a process had captured and not sent when it was\n"
	"killed or crashed: out of its flight recorder, the FILE that it has left\n"
	"in the directory of the setting 'recorder'. DIR: all that wait there, "
	"the\n"
	"oldest first. A line on standard error says of each what it has.\n",
	options,
	.operands = "FILE",
};

struct recover {
	struct output output;
	struct sender sender;
	const char *unix_path, *host_port; /* whom to send to */
	bool all, live, remove;
	struct recording *files; /* that were read; each holds its file */
	size_t n;
	int error; /* of the output; 0: none */
};

static bool sends(const struct recover *recover)
{
	return recover->unix_path || recover->host_port;
}

static int on_frame(void *context, const uint8_t *data, size_t size)
{
	struct recover *recover = context;
	int error = sends(recover) ? sender_frame(&recover->sender, data, size)
				   : output_frame(&recover->output, data, size);

	if (error)
		recover->error = error;
	return error;
}

/* The command line */

static int set_option(struct recover *recover, int option)
{
	switch (option) {
	case OPTION_ALL:
		recover->all = true;
		return EX_OK;
	case OPTION_LIVE:
		recover->live = true;
		return EX_OK;
	case OPTION_REMOVE:
		recover->remove = true;
		return EX_OK;
	case 'u':
		recover->unix_path = optarg;
		return EX_OK;
	case 'l':
		recover->host_port = optarg;
		return EX_OK;
	default:
		return output_option(&recover->output, option, optarg);
	}
}

/* What only the whole command line can tell. */
static int settle(struct recover *recover)
{
	const struct output *output = &recover->output;

	if (recover->unix_path && recover->host_port)
		return cli_usage("give only one of -u and -l");
	if (sends(recover) && (output->form || output->path || output->append))
		return cli_usage("messages are sent (-u, -l) or written (-q, "
				 "-y, -j, -o, -w, -a), not both");
	if (recover->live && (recover->remove || sends(recover)))
		return cli_usage("--live only shows: the process itself sends "
				 "what its recorder has, and removes it");
	return output_settle(&recover->output);
}

/* Returns -1 to go on, or an exit status. */
static int parse(struct recover *recover, int argc, char **argv)
{
	int option, status = EX_OK;

	while ((option = command_next(&recover_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		status = set_option(recover, option);
		if (status != EX_OK)
			return status;
	}
	if (optind == argc)
		return cli_usage("name a recorder's file, or the directory "
				 "that has them");
	status = settle(recover);
	return status == EX_OK ? -1 : status;
}

/* The files */

static int recover_file(struct recover *recover, const char *path)
{
	struct recording *files =
		realloc(recover->files, (recover->n + 1) * sizeof(*files));
	bool own = recover->remove || sends(recover);

	if (!files)
		return cli_no_memory();
	recover->files = files;
	files[recover->n] = (struct recording){
		.path = strdup(path),
		.hold = recover->live ? RECORDERS_WATCH
			: own         ? RECORDERS_OWN
				      : RECORDERS_READ,
		.all = recover->all,
		.frame = on_frame,
		.context = recover,
	};
	if (!files[recover->n].path)
		return cli_no_memory();
	return recording_read(&files[recover->n++]);
}

static int recover_directory(struct recover *recover, const char *path)
{
	struct recorders found;
	int error = recorders_find(&found, path,
				   recover->live ? RECORDERS_WATCH
						 : RECORDERS_READ),
	    status = EX_OK;

	if (error)
		cli_warn("%s: %s", path, strerror(-error));
	else if (!found.n)
		cli_warn("%s: no flight recorder waits here", path);
	for (size_t i = 0; i < found.n && !recover->error; i++) {
		int one = recover_file(recover, found.file[i].path);

		status = one == EX_OK ? status : one;
	}
	recorders_free(&found);
	return error ? cli_no_input(error) : status;
}

static int recover_all(struct recover *recover, char **names)
{
	int status = EX_OK;

	for (; *names && !recover->error; names++) {
		struct stat about;
		int one = !stat(*names, &about) && S_ISDIR(about.st_mode)
				  ? recover_directory(recover, *names)
				  : recover_file(recover, *names);

		status = one == EX_OK ? status : one;
	}
	return status;
}

/* Whether it is what is to be written, or, of a directory, has that in it. */
static bool is_output(const struct recover *recover, const char *name)
{
	struct recorders found;
	bool is = output_is(&recover->output, name);

	recorders_find(&found, name, RECORDERS_WATCH);
	for (size_t i = 0; i < found.n; i++)
		is = is || output_is(&recover->output, found.file[i].path);
	recorders_free(&found);
	return is;
}

static int begin(struct recover *recover, char **names)
{
	int error;

	if (recover->unix_path)
		return sender_unix(&recover->sender, recover->unix_path);
	if (recover->host_port)
		return sender_tcp(&recover->sender, "-l", recover->host_port);
	for (; *names; names++)
		if (is_output(recover, *names))
			return output_refuse(&recover->output);
	signal(SIGPIPE, SIG_IGN);
	error = output_open(&recover->output);
	if (!error)
		return EX_OK;
	cli_warn("%s: %s", recover->output.path, strerror(-error));
	return EX_CANTCREAT;
}

/* Whether all that was passed on is where it is to be. */
static int finish(struct recover *recover)
{
	int error;

	if (sends(recover))
		return sender_finish(&recover->sender);
	error = output_close(&recover->output);
	output_report(&recover->output);
	if (recover->error)
		error = recover->error;
	else
		recover->error = error;
	/* The reader at the other end of the pipe has seen enough. */
	if (!error || error == -EPIPE)
		return EX_OK;
	cli_warn("%s: %s",
		 recover->output.path ? recover->output.path
				      : "standard output",
		 strerror(-error));
	return EX_IOERR;
}

static int remove_complete(const struct recover *recover)
{
	int status = EX_OK;

	for (size_t i = 0; i < recover->n; i++) {
		const struct recording *file = &recover->files[i];
		int error = file->complete
				    ? recorders_remove(file->path, file->fd)
				    : 0;

		if (error) {
			cli_warn("%s: not removed: %s", file->path,
				 strerror(-error));
			status = EX_IOERR;
		}
	}
	return status;
}

static int run(struct recover *recover, char **names)
{
	int status = begin(recover, names), finished, removed = EX_OK;

	if (status != EX_OK)
		return status;
	status = recover_all(recover, names);
	finished = finish(recover);
	if (recover->remove && finished == EX_OK && !recover->error)
		removed = remove_complete(recover);
	if (finished != EX_OK)
		return finished;
	return status == EX_OK ? removed : status;
}

static void release(struct recover *recover)
{
	for (size_t i = 0; i < recover->n; i++) {
		if (recover->files[i].fd >= 0)
			close(recover->files[i].fd);
		free((char *)recover->files[i].path);
	}
	free(recover->files);
	sender_free(&recover->sender);
	output_release(&recover->output);
}

static int recover_main(int argc, char **argv)
{
	struct recover recover = { 0 };
	int status = parse(&recover, argc, argv);

	if (status < 0)
		status = run(&recover, argv + optind);
	release(&recover);
	return status;
}
