/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim inspect: can this program be tapped, and is this process?
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/counters.h"
#include "cli/inspect/process.h"
#include "cli/inspect/program.h"
#include "cli/proc.h"
#include "shim/tap/recorder/recorders.h"

#define IMPORTERS_SHOWN 4

static command_main inspect_main;

const struct command inspect_command = {
	"inspect",
	"say whether a program or a process can be tapped",
	inspect_main,
	COMMAND_OPTIONS_FIRST,
	"PROGRAM|PID|DIR...",
	"Says whether the library can see the DNS messages of a program, or of\n"
	"a process, and why. The first line has the verdict: yes, partly or "
	"no.\n"
	"A PROGRAM without a slash is looked for in PATH.\n"
	"\n"
	"Of a process, and of a DIR, it also lists the flight recorders that\n"
	"processes have left there when they were killed or crashed, and that\n"
	"wait for 'dnstapshim recover'.\n"
	"\n"
	"The exit status is 0 for yes and partly, and 69 for no.\n",
	.operands = "PROGRAM",
};

/* Who imports the n-th call: the first few by name. */
static void print_importers(const struct imports *imports, size_t n)
{
	unsigned shown = 0, more = 0;

	for (size_t i = 0; i < imports->n; i++) {
		if (!(imports->modules[i].calls >> n & 1))
			continue;
		if (shown == IMPORTERS_SHOWN) {
			more++;
			continue;
		}
		fputs(shown++ ? ", " : "", stdout);
		cli_put(imports->modules[i].name, stdout);
		if (imports->modules[i].bypassing >> n & 1)
			fputs(" (NOT hooked)", stdout);
	}
	if (more)
		printf(" and %u more", more);
	putchar('\n');
}

static void print_calls(const struct imports *imports)
{
	uint64_t all = 0;
	const char *call;
	struct call about;

	for (size_t i = 0; i < imports->n; i++)
		all |= imports->modules[i].calls;
	for (size_t n = 0; (call = imports_call(n, &about)); n++) {
		if (!(all >> n & 1))
			continue;
		printf("  %-15s %-11s ", call,
		       about.hooked ? "hooked" : "NOT hooked");
		print_importers(imports, n);
	}
}

static int status_of(const struct verdict *verdict)
{
	return verdict_answer(verdict) == ANSWER_NO ? EX_UNAVAILABLE : EX_OK;
}

static int inspect_program(const char *name)
{
	struct program program;
	char *path = program_find(name);
	int error, status;

	if (!path) {
		cli_warn("%s: no such program", name);
		return EX_NOINPUT;
	}
	error = program_examine(&program, path, false);
	if (!error)
		program_examine_library(&program);
	if (!error)
		error = program_examine_imports(&program);
	if (error) {
		cli_warn("%s: %s", path, strerror(-error));
		status = cli_no_input(error);
	} else {
		verdict_print(&program.verdict, program.path,
			      "every call that can carry its DNS messages is "
			      "hooked");
		print_calls(&program.imports);
		status = status_of(&program.verdict);
	}
	program_free(&program);
	free(path);
	return status;
}

/* It may have a line for each tap. */
static void print_config(char *config)
{
	const char *heading = "  DNSTAP_CONFIG   ";
	char *line;

	while ((line = strsep(&config, "\n"))) {
		cli_put_line(heading, line);
		heading = "                  ";
	}
}

static void print_process(const struct process *process)
{
	cli_put_line("  program         ", process->program);
	if (process->library)
		cli_put_line("  library         ", process->library);
	if (process->config)
		print_config(process->config);
	if (process->metrics)
		cli_put_line("  metrics         ", process->metrics);
}

static void print_tap(const struct exposition_tap *tap)
{
	fputs("  tap ", stdout);
	cli_put(tap->socket, stdout);
	printf(": %s, ", tap->counts.up ? "up" : "down");
	counters_print(tap, stdout);
	putchar('\n');
}

static void print_counters(const char *path)
{
	struct counters counters;

	if (!path)
		return;
	counters_read(&counters, path);
	for (size_t i = 0; i < counters.n; i++)
		print_tap(&counters.taps[i].tap);
	counters_free(&counters);
}

/* What is in force, which the file may not say any more. */
static void print_status(const struct status *status)
{
	for (size_t i = 0; i < status->n; i++) {
		print_tap(&status->taps[i].counters);
		cli_put_line("                  ", status->taps[i].state);
	}
	status_print_config(status, stdout);
}

/* `path`: where it is for us. Returns 0 or -errno. */
static int print_recorders(const char *directory, const char *path)
{
	struct recorders found;
	int error = recorders_find(&found, path, RECORDERS_READ);

	cli_put_line("  recorder        ", directory);
	if (!error && !found.n)
		cli_put_line("  waiting         ", "none");
	for (size_t i = 0; i < found.n; i++)
		cli_put_line(i ? "                  " : "  waiting         ",
			     strrchr(found.file[i].path, '/') + 1);
	recorders_free(&found);
	return error;
}

static int inspect_directory(const char *path)
{
	int error = print_recorders(path, path);

	if (!error)
		return EX_OK;
	cli_warn("%s: %s", path, strerror(-error));
	return cli_no_input(error);
}

/* Under the root of the process. */
static void print_recorders_of(const struct process *process)
{
	const char *directory = process->recorder;
	char *path;

	if (!directory)
		return;
	path = *directory == '/' ? proc_path(process->pid, directory) : NULL;
	print_recorders(directory, path ? path : directory);
	free(path);
}

static int inspect_process(pid_t pid)
{
	struct process process;
	char subject[32];
	int error = process_examine(&process, pid), status;

	snprintf(subject, sizeof(subject), "process %d", (int)pid);
	if (error) {
		cli_warn("%s: %s", subject, strerror(-error));
		status = cli_no_input(error);
	} else {
		verdict_print(&process.verdict, subject, process.state);
		print_process(&process);
		print_recorders_of(&process);
		if (process.answers)
			print_status(&process.status);
		else
			print_counters(process.metrics);
		print_calls(&process.imports);
		if (!process.library)
			inspect_program(process.program);
		status = status_of(&process.verdict);
	}
	process_free(&process);
	return status;
}

/* A number is a process; a program or a directory of that name needs a slash. */
static int inspect(const char *word)
{
	struct stat about;
	uint64_t pid;

	if (cli_number(word, 1, INT32_MAX, &pid))
		return inspect_process((pid_t)pid);
	if (strchr(word, '/') && !stat(word, &about) && S_ISDIR(about.st_mode))
		return inspect_directory(word);
	return inspect_program(word);
}

static int inspect_main(int argc, char **argv)
{
	int option, status = EX_OK, one;

	while ((option = command_next(&inspect_command, argc, argv, &status)) !=
	       -1)
		if (option == COMMAND_DONE)
			return status;
	if (optind == argc)
		return cli_usage("name a program or a process");
	for (int i = optind; i < argc; i++) {
		one = inspect(argv[i]);
		if (one != EX_OK)
			status = one;
	}
	return status;
}
