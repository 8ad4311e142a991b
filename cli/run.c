/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim run: starts a program with the library preloaded, once it is sure
 * that the configuration is right and that the program can be tapped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/inspect/elf.h"
#include "cli/inspect/library.h"
#include "cli/inspect/program.h"

enum { OPTION_LIBRARY = 256, OPTION_VARIABLE };

/* Options that stand for a variable: val is OPTION_VARIABLE + index. */
static const char *const variables[] = {
	"DNSTAP_IDENTITY", "DNSTAP_VERSION",   "DNSTAP_EXTRA",
	"DNSTAP_PORTS",    "DNSTAP_LOG",       "DNSTAP_METRICS",
	"DNSTAP_RECORDER", "DNSTAP_TLS_PORTS", "DNSTAP_PROXIES",
};

static const struct command_option options[] = {
	OPTION('t', "tap", "TAP",
	       "a tap, such as '/run/dnstap.sock full'; may be\nrepeated"),
	OPTION('c', "config", "FILE", "the taps and settings of this file"),
	OPTION(OPTION_VARIABLE, "identity", "TEXT",
	       "identity of taps that have none of their own"),
	OPTION(OPTION_VARIABLE + 1, "version-string", "TEXT",
	       "likewise, their version"),
	OPTION(OPTION_VARIABLE + 2, "extra", "TEMPLATE",
	       "likewise, their extra field"),
	OPTION(OPTION_VARIABLE + 3, "ports", "LIST",
	       "DNS ports, such as 53,5353"),
	OPTION(OPTION_VARIABLE + 7, "tls-ports", "LIST",
	       "those of DNS over TLS and HTTPS"),
	OPTION(OPTION_VARIABLE + 8, "proxies", "LIST",
	       "networks whose PROXY headers are believed, any\nor none",
	       .choices = "any none"),
	OPTION(OPTION_VARIABLE + 4, "log", "TARGET",
	       "stderr, syslog, off or a file", .choices = "stderr syslog off"),
	OPTION(OPTION_VARIABLE + 5, "metrics", "FILE",
	       "Prometheus text file; %p is the process id"),
	OPTION(OPTION_VARIABLE + 6, "recorder", "DIR",
	       "keeps what is captured where a crash leaves it"),
	OPTION(OPTION_LIBRARY, "library", "FILE",
	       "the library, if it is not beside this command"),
	{ 0 },
};

static command_main run_main;

const struct command run_command = {
	"run",
	"start a program with the library preloaded",
	run_main,
	COMMAND_OPTIONS_FIRST,
	"[OPTION]... [--] PROGRAM [ARGUMENT]...",
	"Starts PROGRAM with the library preloaded. Without options the\n"
	"configuration is that of the environment, see dnstapshim.conf(5).\n",
	options,
	"A wrong configuration (exit status 78) and a program that cannot be\n"
	"preloaded (69) are refused.\n",
	"PROGRAM",
};

struct run {
	char *taps;   /* of --tap, a line each */
	char *config; /* of --config */
	char *library;
	char **command;
};

/* The word dnstap keeps a path from being taken for a file's name. */
static int add_tap(struct run *run, const char *text)
{
	size_t word = strspn(text, " \t\n");
	bool complete = !strncmp(text + word, "dnstap", 6) &&
			strchr(" \t\n", text[word + 6]);
	char *taps;

	if (asprintf(&taps, "%s%s%s%s", run->taps ? run->taps : "",
		     run->taps ? "\n" : "", complete ? "" : "dnstap ",
		     text) < 0)
		return cli_no_memory();
	free(run->taps);
	run->taps = taps;
	return EX_OK;
}

static int set_option(struct run *run, int option, const char *value)
{
	char **path = option == 'c' ? &run->config : &run->library;

	if (option == 't')
		return add_tap(run, value);
	if (option >= OPTION_VARIABLE)
		return setenv(variables[option - OPTION_VARIABLE], value, 1)
			       ? cli_no_memory()
			       : EX_OK;
	free(*path);
	*path = realpath(value, NULL);
	if (*path && !access(*path, R_OK))
		return EX_OK;
	int error = -errno;

	cli_warn("%s: %s", value, strerror(-error));
	return cli_no_input(error);
}

/* Returns -1 to go on, or an exit status. */
static int parse(struct run *run, int argc, char **argv)
{
	int option, status = EX_OK;

	while ((option = command_next(&run_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		status = set_option(run, option, optarg);
		if (status != EX_OK)
			return status;
	}
	if (run->taps && run->config)
		return cli_usage("give either --tap or --config");
	if (optind == argc)
		return cli_usage("name the program to run");
	run->command = argv + optind;
	return -1;
}

static void warn_if_disabled(void)
{
	const char *disable = getenv("DNSTAP_DISABLE");

	if (disable && *disable && strcmp(disable, "0"))
		cli_warn("DNSTAP_DISABLE is set: the library will do nothing");
}

/* Puts the configuration where the library will find it, and reads it as the
 * library will. */
static int check_config(const struct run *run)
{
	const char *text = run->taps ? run->taps : run->config;
	struct config *config;
	int status;

	if (!text)
		text = getenv("DNSTAP_CONFIG");
	if (!text || !*text)
		return cli_usage("there is no tap: give --tap or --config, or "
				 "set DNSTAP_CONFIG");
	if (setenv("DNSTAP_CONFIG", text, 1))
		return cli_no_memory();
	warn_if_disabled();
	status =
		cli_load(NULL, run->config, basename(run->command[0]), &config);
	if (status == EX_OK)
		config_free(config);
	return status;
}

/* Whether it is for the other libc, by the name that it has been given. */
static bool is_other(const struct elf *elf, bool musl)
{
	return elf->soname && !strcmp(elf->soname, library_name(!musl));
}

static int refuse_library(const char *path, const char *reason)
{
	cli_warn("%s: %s", path, reason);
	return EX_UNAVAILABLE;
}

static int check_library(struct run *run, bool musl)
{
	struct elf elf;
	bool native, other;

	if (!run->library)
		run->library = library_find(musl);
	if (!run->library)
		return refuse_library(library_name(musl),
				      "is neither beside this command nor in "
				      "../lib nor where the loader looks; name "
				      "it with --library");
	native = !elf_open(&elf, run->library) && elf.native && elf.soname;
	other = native && is_other(&elf, musl);
	elf_close(&elf);
	if (!native)
		return refuse_library(run->library,
				      "this is no shared library for this "
				      "machine");
	if (other)
		return refuse_library(
			run->library,
			musl ? "the program is linked with musl, "
			       "and this library with glibc"
			     : "the program is linked with glibc, "
			       "and this library with musl");
	if (strpbrk(run->library, " :"))
		return refuse_library(run->library,
				      "the loader takes no path with a blank "
				      "or a colon");
	return EX_OK;
}

/* A sanitizer's runtime insists on the first place. */
static bool insists_on_first(const char *preloaded)
{
	size_t length = strcspn(preloaded, " :");
	const char *san = memmem(preloaded, length, "san.so", 6);

	return san || memmem(preloaded, length, "libclang_rt", 11);
}

/* What is preloaded already stays. The library comes first, so that it sees
 * what the program does and not what others make of it. */
static int preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *list;
	int length;

	if (!others || !*others)
		return setenv("LD_PRELOAD", library, 1);
	if (strstr(others, LIBRARY) || strstr(others, LIBRARY_MUSL))
		return 0;
	length = insists_on_first(others)
			 ? asprintf(&list, "%s:%s", others, library)
			 : asprintf(&list, "%s:%s", library, others);
	if (length < 0 || setenv("LD_PRELOAD", list, 1))
		return -1;
	free(list);
	return 0;
}

static int check_program(const char *path, bool *musl)
{
	struct program program;
	const struct reason *first;
	int error = program_examine(&program, path, true);
	int status = error ? cli_no_input(error) : EX_OK;

	if (error)
		cli_warn("%s: %s", path, strerror(-error));
	first = verdict_reason(&program.verdict);
	if (!error && first && first->answer != ANSWER_YES)
		cli_warn("%s: %s", program.path, first->text);
	if (!error && first && first->answer == ANSWER_NO)
		status = EX_UNAVAILABLE;
	*musl = program.musl;
	program_free(&program);
	return status;
}

static int start(struct run *run)
{
	char *path = program_find(run->command[0]);
	bool musl;
	int status;

	if (!path) {
		cli_warn("%s: no such program", run->command[0]);
		return EX_NOINPUT;
	}
	status = check_program(path, &musl);
	if (status == EX_OK)
		status = check_library(run, musl);
	if (status == EX_OK && preload(run->library))
		status = cli_no_memory();
	if (status == EX_OK) {
		execv(path, run->command);
		status = cli_no_input(-errno);
		cli_warn("%s: %s", path, strerror(errno));
	}
	free(path);
	return status;
}

static int run_main(int argc, char **argv)
{
	struct run run = { 0 };
	int status = parse(&run, argc, argv);

	if (status < 0)
		status = check_config(&run);
	if (run.command && status == EX_OK)
		status = start(&run);
	free(run.taps);
	free(run.config);
	free(run.library);
	return status;
}
