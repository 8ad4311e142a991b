/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands by which an operator has the library in a process do something.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/processes.h"
#include "config/config.h"

static command_main reload_main, tell_main;

static const struct command_option reload_options[] = {
	OPTION('c', "config", "FILE", "what this file has instead"),
	{ 0 },
};

const struct command reload_command = {
	"reload",
	"have a process read its configuration anew",
	reload_main,
	COMMAND_ANY_ORDER,
	"[-c FILE] PID|PROGRAM...",
	"Has a process read its configuration anew: the file that DNSTAP_CONFIG\n"
	"names, as the process sees it, or the text that it was started with.\n"
	"Taps that are as they were go on untouched, others send what they have\n"
	"and end, or begin. What is wrong is said, and then all stays as it was.\n",
	reload_options,
	.operands = "PROGRAM",
};

const struct command roll_command = {
	"roll",
	"have a process begin new files and connections now",
	tell_main,
	COMMAND_ANY_ORDER,
	"PID|PROGRAM...",
	"Has each tap of a process begin a new file, or a new connection, now:\n"
	"what was captured is sent first, and no message is lost. A tap that is\n"
	"waiting for its collector tries at once. A PROGRAM stands for every\n"
	"process of that name in which the library is loaded.\n",
	.operands = "PROGRAM",
};

const struct command off_command = {
	"off",
	"have a process capture nothing for a while",
	tell_main,
	COMMAND_ANY_ORDER,
	"PID|PROGRAM...",
	"Has a process, and what it forks from now on, capture nothing: what has\n"
	"been captured is sent. 'dnstapshim on' ends that. A PROGRAM stands for\n"
	"every process of that name in which the library is loaded.\n",
	.operands = "PROGRAM",
};

const struct command on_command = {
	"on",
	"have a process capture again",
	tell_main,
	COMMAND_ANY_ORDER,
	"PID|PROGRAM...",
	"Has a process capture again, after 'dnstapshim off'. TCP connections\n"
	"that it has by then are not followed any more, and counted as such.\n",
	.operands = "PROGRAM",
};

/* What is told, which is the command's name, and what stands behind it. */
struct told {
	const char *body, *name; /* of the file that it is from */
	int refused;             /* the exit status */
};

/* Says what the library says. */
static void print(pid_t pid, const char *text)
{
	for (size_t size; *text; text += size + !!text[size]) {
		size = strcspn(text, "\n");
		char *line = strndup(text, size);

		printf("process %d: ", (int)pid);
		cli_put_line("", line ? line : "");
		free(line);
	}
}

static int tell_one(pid_t pid, void *context)
{
	const struct told *told = context;
	struct reply reply;
	int error = ask(pid, cli_command, told->body, &reply);
	int status =
		reply_explain(&reply, error, pid, told->refused, told->name);

	if (status == EX_OK)
		print(pid, reply.text);
	reply_free(&reply);
	return status;
}

static int tell(int count, char **words, struct told told)
{
	if (!count)
		return cli_usage("name a process or a program");
	return processes_each(count, words, tell_one, &told);
}

/* Those that have no options of their own. */
static int tell_main(int argc, char **argv)
{
	int status = EX_OK;

	if (command_next(command_find(cli_command), argc, argv, &status) ==
	    COMMAND_DONE)
		return status;
	return tell(argc - optind, argv + optind,
		    (struct told){ .refused = EX_UNAVAILABLE });
}

/* Returns the file's text (release with free); or NULL, having said why, and *status. */
static char *read_file(const char *path, int *status)
{
	FILE *file = fopen(path, "re");
	char *text = cli_read_text(file, path, status);

	if (file)
		fclose(file);
	if (!text || *text)
		return text;
	cli_warn("%s: is empty", path);
	*status = EX_NOINPUT;
	free(text);
	return NULL;
}

static int reload_main(int argc, char **argv)
{
	struct told told = { .refused = EX_CONFIG };
	const char *path = NULL;
	char *text = NULL;
	int option, status = EX_OK;

	while ((option = command_next(&reload_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		path = optarg;
	}
	if (path && optind < argc && !(text = read_file(path, &status)))
		return status;
	told.body = text;
	told.name = path;
	status = tell(argc - optind, argv + optind, told);
	free(text);
	return status;
}
