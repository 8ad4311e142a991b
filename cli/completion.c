/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim completion: for bash and zsh, out of the tables of options.
 */
#include <stdbool.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "proto/common.h"

static command_main completion_main;

const struct command completion_command = {
	"completion",
	"print how a shell completes this command's words",
	completion_main,
	COMMAND_ANY_ORDER,
	"bash|zsh",
	"Prints what bash or zsh need to complete commands, options and their\n"
	"values. For this shell only:\n"
	"\n"
	"  . <(dnstapshim completion bash)\n"
	"\n"
	"zsh: as a file called _dnstapshim in a directory of fpath.\n",
	.operands = "bash zsh",
};

static bool is(const char *word, const char *what)
{
	return word && !strcmp(word, what);
}

static bool is_path(const char *word)
{
	return is(word, "FILE") || is(word, "PATH") || is(word, "TAP");
}

static bool are_choices(const char *word)
{
	return word && *word >= 'a' && *word <= 'z';
}

/* bash */

static void bash_option_names(const struct command_option *option)
{
	for (; option && option->key; option++) {
		if (option->key < 256)
			printf(" -%c", option->key);
		if (option->name)
			printf(" --%s", option->name);
	}
	printf(" --help");
}

/* What completes a word of this kind, in the variables of the function. */
static const char *bash_kind(const char *word)
{
	if (is_path(word))
		return "files";
	if (is(word, "DIR"))
		return "directories";
	if (is(word, "PROGRAM"))
		return "programs";
	return "nothing";
}

static void bash_value(const struct command *command,
		       const struct command_option *option)
{
	if (!option->value)
		return;
	printf("\t");
	if (option->key < 256)
		printf("%s,-%c%s", command->name, option->key,
		       option->name ? " | " : "");
	if (option->name)
		printf("%s,--%s", command->name, option->name);
	if (option->choices)
		printf(") kind=words words=\"%s\" ;;\n", option->choices);
	else
		printf(") kind=%s ;;\n", bash_kind(option->value));
}

static void bash_command(const struct command *command)
{
	const struct command_option *option = command->options;

	for (; option && option->key; option++)
		bash_value(command, option);
	printf("\t%s,*)\n\t\toptions=\"", command->name);
	bash_option_names(command->options);
	if (are_choices(command->operands))
		printf("\" kind=words words=\"%s\" ;;\n", command->operands);
	else
		printf("\" kind=%s ;;\n", bash_kind(command->operands));
}

static void bash_names(void)
{
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
}

static void print_bash(void)
{
	fputs("# Completion of dnstapshim's words, by 'dnstapshim completion "
	      "bash'.\n"
	      "_dnstapshim() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]}"
	      " prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal command=${COMP_WORDS[1]} names=\"",
	      stdout);
	bash_names();
	fputs("\"\n"
	      "\tlocal options= words= kind=nothing\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\tcommand=help\n"
	      "\t\toptions=\"--help --version\"\n"
	      "\tfi\n"
	      "\tcase $command,$prev in\n",
	      stdout);
	for (size_t i = 0; commands[i]; i++)
		bash_command(commands[i]);
	fputs("\thelp,*) kind=words words=\"$names help version\" ;;\n"
	      "\tesac\n"
	      "\tif [[ $cur == -* && $options ]]; then\n"
	      "\t\tkind=words words=$options\n"
	      "\tfi\n"
	      "\tcase $kind in\n"
	      "\twords) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
	      "\"$cur\") ;;\n"
	      "\tfiles) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	      "\tdirectories) mapfile -t COMPREPLY < <(compgen -d -- "
	      "\"$cur\") ;;\n"
	      "\tprograms) mapfile -t COMPREPLY < <(compgen -c -f -- "
	      "\"$cur\") ;;\n"
	      "\t*) COMPREPLY=() ;;\n"
	      "\tesac\n"
	      "\t[[ $kind == words || $kind == nothing ]] ||\n"
	      "\t\tcompopt -o filenames 2>/dev/null\n"
	      "}\n"
	      "complete -F _dnstapshim dnstapshim\n",
	      stdout);
}

/* zsh */

/* Up to the end of the first line, as it may stand in quotes and brackets. */
static void zsh_text(const char *text)
{
	for (; *text && *text != '\n'; text++) {
		if (strchr("[]:\\", *text))
			putchar('\\');
		fputs(*text == '\'' ? "'\\''" : (char[]){ *text, '\0' },
		      stdout);
	}
}

/* ":what it is:how it is completed". */
static void zsh_word(const char *word, const char *choices)
{
	printf(":%s:", word);
	if (choices)
		printf("(%s)", choices);
	else if (is_path(word))
		fputs("_files", stdout);
	else if (is(word, "DIR"))
		fputs("_files -/", stdout);
	else if (is(word, "PROGRAM"))
		fputs("_command_names -e", stdout);
	else
		putchar(' ');
}

/* Any option may be repeated, as far as its completion goes. */
static void zsh_spelling(const struct command_option *option,
			 const char *dashes, const char *name)
{
	printf(" \\\n\t\t\t'*%s%s[", dashes, name);
	zsh_text(option->help);
	putchar(']');
	if (option->value)
		zsh_word(strchr(option->value, ':') ? "address" : option->value,
			 option->choices);
	putchar('\'');
}

static void zsh_command(const struct command *command)
{
	const struct command_option *option = command->options;

	printf("\t%s)\n\t\t_arguments -s -S '(- *)--help[print what it does]'",
	       command->name);
	for (; option && option->key; option++) {
		const char letter[] = { (char)option->key, '\0' };

		if (option->key < 256)
			zsh_spelling(option, "-", letter);
		if (option->name)
			zsh_spelling(option, "--", option->name);
	}
	if (command->operands) {
		const char *choices = are_choices(command->operands)
					      ? command->operands
					      : NULL;

		fputs(" \\\n\t\t\t'*", stdout);
		zsh_word(choices ? "word" : command->operands, choices);
		putchar('\'');
	}
	fputs(" ;;\n", stdout);
}

static void print_zsh(void)
{
	fputs("#compdef dnstapshim\n"
	      "# Completion of dnstapshim's words, by 'dnstapshim completion "
	      "zsh'.\n"
	      "_dnstapshim() {\n"
	      "\tlocal -a names=(",
	      stdout);
	for (size_t i = 0; commands[i]; i++) {
		printf("\n\t\t'%s:", commands[i]->name);
		zsh_text(commands[i]->summary);
		putchar('\'');
	}
	fputs("\n\t\t'help:say what a command does'\n"
	      "\t\t'version:print the version')\n"
	      "\tif ((CURRENT == 2)); then\n"
	      "\t\t_describe command names\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tshift words\n"
	      "\t((CURRENT--))\n"
	      "\tcase $words[1] in\n"
	      "\thelp) _describe command names ;;\n",
	      stdout);
	for (size_t i = 0; commands[i]; i++)
		zsh_command(commands[i]);
	fputs("\tesac\n"
	      "}\n"
	      "compdef _dnstapshim dnstapshim 2>/dev/null\n"
	      "[[ $funcstack[1] != _dnstapshim ]] || _dnstapshim \"$@\"\n",
	      stdout);
}

static const struct {
	const char *name;
	void (*print)(void);
} shells[] = { { "bash", print_bash }, { "zsh", print_zsh } };

static int completion_main(int argc, char **argv)
{
	int status = EX_OK;

	if (command_next(&completion_command, argc, argv, &status) ==
	    COMMAND_DONE)
		return status;
	if (argc - optind != 1)
		return cli_usage("name one shell: bash or zsh");
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(argv[optind], shells[i].name))
			continue;
		shells[i].print();
		return EX_OK;
	}
	return cli_usage("'%s': bash and zsh are known", argv[optind]);
}
