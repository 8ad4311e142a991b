/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim: finds the subcommand and hands over.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"

static int list(void)
{
	puts("usage: dnstapshim COMMAND [ARGUMENT]...\n");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-12s%s\n", commands[i]->name, commands[i]->summary);
	puts("\n'dnstapshim help COMMAND' says more; so does dnstapshim(1).");
	return EX_OK;
}

/* Of a word that is completed, but has no more to say. */
static bool is_plain(const char *name)
{
	return !strcmp(name, "help") || !strcmp(name, "version") ||
	       !strcmp(name, "--help");
}

/* `name`: of a subcommand; NULL: all. */
static int help(const char *name)
{
	const struct command *command = name ? command_find(name) : NULL;

	if (!name || is_plain(name))
		return list();
	if (!command)
		return cli_usage("there is no command '%s'", name);
	command_print_usage(command, stdout);
	return EX_OK;
}

static int version(void)
{
	puts("dnstapshim " DNSTAPSHIM_VERSION);
	return EX_OK;
}

/* No file is to get the number of a standard stream that is closed: what is said or
 * shown would be written into it. What is there instead can neither be read nor
 * written, and is not passed on to a program. */
static void occupy_closed_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/", O_PATH | O_CLOEXEC);
}

/* Whether what was shown is there, too. */
static int finish(int status)
{
	int error = cli_flush();

	if (!error || error == -EPIPE || status == EX_IOERR)
		return status;
	cli_warn("standard output: %s", strerror(-error));
	return status == EX_OK ? EX_IOERR : status;
}

static int run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		return cli_usage("no command given");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return help(argv[2]);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") ||
	    !strcmp(argv[1], "version"))
		return version();
	command = command_find(argv[1]);
	if (!command)
		return cli_usage("unknown command '%s'", argv[1]);
	cli_command = command->name;
	return command->main(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	occupy_closed_streams();
	return finish(run(argc, argv));
}
