/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands and their options: one table each, by which the command line is
 * read, --help is printed and shells complete.
 */
#pragma once

#include <stdio.h>

struct command_option {
	int key;           /* the letter, or from 256 on */
	const char *name;  /* the long form, without its dashes; or NULL */
	const char *value; /* what stands for its value; NULL: it has none.
			    * FILE, PATH and DIR are completed as such. */
	const char *help;  /* lines, with a newline between them */

	const char *heading; /* above it; NULL: none */
	const char *choices; /* what the value may be, with blanks; or NULL */
};

/* A row; behind the help what else it has, as .choices = "…". */
#define OPTION(letter, long_name, stands_for, text, ...)               \
	{                                                              \
		.key = letter, .name = long_name, .value = stands_for, \
		.help = text, ##__VA_ARGS__                            \
	}

/* In which order options and other words may stand. */
#define COMMAND_OPTIONS_FIRST "+" /* the first other word ends them */
#define COMMAND_IN_ORDER      "-" /* other words are options of the key 1 */
#define COMMAND_ANY_ORDER     ""

/* argv[0] is its name. Returns the exit status. */
typedef int command_main(int argc, char **argv);

struct command {
	const char *name, *summary;
	command_main *main;
	const char *order;
	const char *form;  /* what follows the name, in one line or several */
	const char *about; /* paragraphs, each line with its newline */
	const struct command_option *options; /* up to a key of 0; or NULL */
	const char *after;                    /* more paragraphs, or NULL */
	const char *operands; /* FILE, DIR, PROGRAM or choices; or NULL */
};

/* All of them, up to a NULL. */
extern const struct command *const commands[];

/* Returns NULL if there is none. */
const struct command *command_find(const char *name);

/* What --help and help say. */
void command_print_usage(const struct command *command, FILE *out);

#define COMMAND_DONE 0

/* The next option: its key, with optarg as ever; -1 at their end; or COMMAND_DONE
 * and an exit status, when --help has been given or an option is wrong, which has
 * been said. */
int command_next(const struct command *command, int argc, char **argv,
		 int *status);

extern const struct command run_command, check_command, inspect_command,
	status_command, reload_command, roll_command, off_command, on_command,
	top_command, read_command, recover_command, completion_command;
