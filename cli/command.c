/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of options: for getopt_long(3), and for the reader.
 */
#include "cli/command.h"

#include <string.h>

#include "cli/cli.h"

#define OPTIONS_MAX 48
#define LEFT_MAX    24 /* columns; what is wider pushes its help to the right */

const struct command *const commands[] = {
	&run_command,
	&check_command,
	&inspect_command,
	&status_command,
	&reload_command,
	&roll_command,
	&off_command,
	&on_command,
	&top_command,
	&read_command,
	&recover_command,
	&completion_command,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static const struct command_option no_options[] = { { 0 } };

static const struct command_option *options_of(const struct command *command)
{
	return command->options ? command->options : no_options;
}

static bool has_letter(const struct command_option *option)
{
	return option->key < 256;
}

/* "-t, --tap TAP", aligned where some have no letter. */
static int left_of(const struct command_option *option, bool any_name,
		   char *out, size_t size)
{
	const char *value = option->value ? option->value : "";
	const char *gap = option->value ? " " : "";

	if (!option->name)
		return snprintf(out, size, "-%c%s%s", option->key, gap, value);
	if (has_letter(option))
		return snprintf(out, size, "-%c, --%s%s%s", option->key,
				option->name, gap, value);
	return snprintf(out, size, "%s--%s%s%s", any_name ? "    " : "",
			option->name, gap, value);
}

/* Are there options with a letter and a name? */
static bool any_both(const struct command *command)
{
	for (const struct command_option *o = options_of(command); o->key; o++)
		if (o->name && has_letter(o))
			return true;
	return false;
}

static int width_of(const struct command *command)
{
	int width = 0;
	char left[80];

	for (const struct command_option *o = options_of(command); o->key;
	     o++) {
		int size = left_of(o, any_both(command), left, sizeof(left));

		if (size > width && size <= LEFT_MAX)
			width = size;
	}
	return width;
}

/* Lines behind the first begin where that does. */
static void print_help(const char *help, int indent, FILE *out)
{
	for (; *help; help++) {
		putc(*help, out);
		if (*help == '\n')
			fprintf(out, "%*s", indent, "");
	}
	putc('\n', out);
}

static void print_option(const struct command *command,
			 const struct command_option *option, int width,
			 FILE *out)
{
	char left[80];

	if (option->heading)
		fprintf(out, "\n%s\n", option->heading);
	left_of(option, any_both(command), left, sizeof(left));
	fprintf(out, "  %-*s  ", width, left);
	print_help(option->help, width + 4, out);
}

void command_print_usage(const struct command *command, FILE *out)
{
	const struct command_option *options = options_of(command);
	int width = width_of(command);

	fprintf(out, "usage: dnstapshim %s %s\n\n%s", command->name,
		command->form, command->about);
	if (options->key && !options->heading)
		putc('\n', out);
	for (; options->key; options++)
		print_option(command, options, width, out);
	if (command->after)
		fprintf(out, "\n%s", command->after);
}

/* For getopt_long(3). */
struct grammar {
	char letters[2 * OPTIONS_MAX + 8];
	struct option names[OPTIONS_MAX + 2];
};

static void describe(const struct command *command, struct grammar *grammar)
{
	char *letter = grammar->letters +
		       sprintf(grammar->letters, "%s:h", command->order);
	struct option *name = grammar->names;

	*name++ = (struct option){ "help", no_argument, NULL, 'h' };
	for (const struct command_option *o = options_of(command); o->key;
	     o++) {
		int value = o->value ? required_argument : no_argument;

		if (has_letter(o))
			letter += sprintf(letter, "%c%s", o->key,
					  o->value ? ":" : "");
		if (o->name)
			*name++ =
				(struct option){ o->name, value, NULL, o->key };
	}
	*name = (struct option){ 0 };
}

int command_next(const struct command *command, int argc, char **argv,
		 int *status)
{
	static const struct command *described;
	static struct grammar grammar;
	int key;

	if (described != command)
		describe(command, &grammar);
	described = command;
	key = getopt_long(argc, argv, grammar.letters, grammar.names, NULL);
	if (key != 'h' && key != '?' && key != ':')
		return key;
	*status = EX_OK;
	if (key == 'h')
		command_print_usage(command, stdout);
	else
		*status = cli_option(key, argv);
	return COMMAND_DONE;
}
