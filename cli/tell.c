/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands by which an operator has the library in a process do something.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/processes.h"

static command_main tell_main;

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
	const char *body;
	int refused; /* the exit status */
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
	struct reply answer;
	int error = ask(pid, cli_command, told->body, &answer);
	int status = reply_explain(&answer, error, pid, told->refused);

	if (status == EX_OK)
		print(pid, answer.text);
	reply_free(&answer);
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
