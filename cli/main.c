/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim: finds the subcommand and hands over.
 */
#include <string.h>

#include "cli/cli.h"
#include "proto/common.h"

static const struct command {
	const char *name;
	command_main *main;
	const char *summary;
} commands[] = {
	{ "run", run_main, "start a program with the library preloaded" },
	{ "check", check_main,
	  "show a configuration, or what is wrong with it" },
	{ "inspect", inspect_main,
	  "say whether a program or a process can be tapped" },
	{ "top", top_main, "watch the counters of a process's taps" },
	{ "read", read_main, "collect or read dnstap, and show it" },
	{ "recover", recover_main,
	  "show or send what a process that crashed had captured" },
};

static int help(void)
{
	puts("usage: dnstapshim COMMAND [ARGUMENT]...\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-9s%s\n", commands[i].name, commands[i].summary);
	puts("\n'dnstapshim COMMAND --help' says more; so does dnstapshim(1).");
	return EX_OK;
}

static int version(void)
{
	puts("dnstapshim " DNSTAPSHIM_VERSION);
	return EX_OK;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return cli_usage("no command given");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return help();
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") ||
	    !strcmp(argv[1], "version"))
		return version();
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		cli_command = commands[i].name;
		return commands[i].main(argc - 1, argv + 1);
	}
	return cli_usage("unknown command '%s'", argv[1]);
}
