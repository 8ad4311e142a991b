/* SPDX-License-Identifier: Apache-2.0
 *
 * The examination of a process by way of proc(5).
 */
#include "cli/inspect/process.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inspect/bindings.h"
#include "config/config.h"

#define LIBRARY  "libdnstapshim.so"
#define THREAD   "dnstapshim"
#define PROC_MAX 64
#define DELETED  " (deleted)"

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[PROC_MAX];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* A whole file of /proc, NUL-terminated (release with free), or NULL. */
static char *read_proc(pid_t pid, const char *name, size_t *size)
{
	FILE *file = open_proc(pid, name);
	char *text = NULL;
	ssize_t got;
	size_t room = 0;

	if (!file)
		return NULL;
	/* No octet ends it: all of the file is one "line". */
	got = getdelim(&text, &room, EOF, file);
	fclose(file);
	if (got < 0) {
		free(text);
		return NULL;
	}
	*size = got;
	return text;
}

/* A variable of the environment that it was started with (release with free),
 * or NULL. */
static char *read_variable(pid_t pid, const char *name)
{
	FILE *file = open_proc(pid, "environ");
	size_t room = 0, length = strlen(name);
	char *entry = NULL, *value = NULL;

	if (!file)
		return NULL;
	while (!value && getdelim(&entry, &room, '\0', file) > 0)
		if (!strncmp(entry, name, length) && entry[length] == '=')
			value = strdup(entry + length + 1);
	free(entry);
	fclose(file);
	return value;
}

/* What the configuration says (release with free), or NULL. One that cannot be
 * read here, because of its environment say, leaves the variable. */
static char *read_metrics(const char *text, const char *variable)
{
	const struct config_env env = { .config = text,
					.metrics = variable,
					.host_name = "",
					.program = "" };
	struct config *config;
	struct config_error *errors = NULL;
	char *path = NULL;

	if (!config_load(&env, &config, &errors)) {
		if (config->metrics_path)
			path = strdup(config->metrics_path);
		config_free(config);
	} else if (variable) {
		path = strdup(variable);
	}
	config_errors_free(errors);
	return path;
}

static bool is_file(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode);
}

/* A file is looked for under the root of the process. */
static char *configured_metrics(pid_t pid, const char *variable)
{
	char *text = read_variable(pid, "DNSTAP_CONFIG");
	char *path = NULL, *reachable;

	if (!text)
		return variable ? strdup(variable) : NULL;
	if (asprintf(&reachable, "/proc/%d/root%s", (int)pid, text) < 0)
		reachable = NULL;
	if (*text == '/' && reachable && is_file(reachable))
		path = read_metrics(reachable, variable);
	else
		path = read_metrics(text, variable);
	free(reachable);
	free(text);
	return path;
}

char *process_metrics(pid_t pid)
{
	char *variable = read_variable(pid, "DNSTAP_METRICS");
	char *pattern = configured_metrics(pid, variable);
	char *percent, *path = NULL;

	free(variable);
	if (!pattern)
		return NULL;
	percent = strstr(pattern, "%p");
	if (!percent)
		return pattern;
	if (asprintf(&path, "%.*s%d%s", (int)(percent - pattern), pattern,
		     (int)pid, percent + 2) < 0)
		path = NULL;
	free(pattern);
	return path;
}

/* One mapping with code in it. Paths are the process's own, which may have
 * another root. */
static void on_mapping(struct process *process, char *path)
{
	char *deleted = strstr(path, DELETED);
	const char *name = strrchr(path, '/') + 1;
	char *reachable;

	if (deleted)
		*deleted = '\0';
	if (bindings_is_library(path)) {
		if (!process->library)
			process->library = strdup(path);
		if (deleted)
			verdict_add(&process->verdict, ANSWER_YES,
				    "the library's file has been replaced "
				    "since; the old one runs until the next "
				    "start");
		return;
	}
	if (asprintf(&reachable, "/proc/%d/root%s", (int)process->pid, path) <
	    0)
		return;
	imports_of_module(&process->imports, reachable, name);
	free(reachable);
}

static int read_maps(struct process *process)
{
	FILE *file = open_proc(process->pid, "maps");
	char *line = NULL, *path;
	size_t room = 0;

	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0) {
		path = strchr(line, '/');
		if (!path || !strstr(line, " r-xp "))
			continue;
		path[strcspn(path, "\n")] = '\0';
		on_mapping(process, path);
	}
	free(line);
	fclose(file);
	return 0;
}

/* The tap's threads bear a name of their own. */
static void count_taps(struct process *process)
{
	char path[PROC_MAX], name[PROC_MAX];
	DIR *tasks;
	const struct dirent *task;
	char *comm;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)process->pid);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		if (task->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "task/%.20s/comm", task->d_name);
		comm = read_proc(process->pid, name, &size);
		if (comm && !strncmp(comm, THREAD, strlen(THREAD)))
			process->taps++;
		free(comm);
	}
	if (tasks)
		closedir(tasks);
}

static bool is_secure(pid_t pid)
{
	size_t size = 0;
	char *data = read_proc(pid, "auxv", &size);
	const ElfW(auxv_t) *entry = (const void *)data;
	bool secure = false;

	for (size_t i = 0; data && i < size / sizeof(*entry); i++)
		if (entry[i].a_type == AT_SECURE)
			secure = entry[i].a_un.a_val != 0;
	free(data);
	return secure;
}

static void judge_confinement(struct process *process)
{
	size_t size;
	char *label = read_proc(process->pid, "attr/current", &size);

	if (is_secure(process->pid))
		verdict_add(&process->verdict,
			    process->library ? ANSWER_YES : ANSWER_NO,
			    "it gained privileges when it was started, and "
			    "the loader preloads nothing into such a process");
	if (label) {
		label[strcspn(label, "\n")] = '\0';
		if (*label && strcmp(label, "unconfined"))
			verdict_add(&process->verdict, ANSWER_YES,
				    "it is confined as %s", label);
	}
	free(label);
}

static bool is_disabled(pid_t pid)
{
	char *value = read_variable(pid, "DNSTAP_DISABLE");
	bool disabled = value && *value && strcmp(value, "0");

	free(value);
	return disabled;
}

static void judge_library(struct process *process)
{
	struct verdict *verdict = &process->verdict;

	if (!process->library)
		verdict_add(verdict, ANSWER_NO,
			    LIBRARY " is not loaded in this process");
	else if (!process->config || !*process->config)
		verdict_add(verdict, ANSWER_NO,
			    LIBRARY " is loaded, but DNSTAP_CONFIG is not set "
				    "in its environment");
	else if (is_disabled(process->pid))
		verdict_add(verdict, ANSWER_NO,
			    LIBRARY " is loaded, but DNSTAP_DISABLE is set in "
				    "its environment");
	else if (!process->taps)
		snprintf(process->state, sizeof(process->state),
			 LIBRARY " is loaded; no DNS message came to it yet");
	else
		snprintf(process->state, sizeof(process->state),
			 LIBRARY " is loaded and at work, taps: %u",
			 process->taps);
}

/* The first of the calls, and whether there are more. */
static void judge_module(struct verdict *verdict, const struct module *module)
{
	bool several = module->bypassing & (module->bypassing - 1);
	struct call call;

	if (module->bypassing)
		verdict_add(
			verdict, ANSWER_PARTLY,
			"%s calls %s%s past the library: it was loaded "
			"with RTLD_DEEPBIND, or into a namespace of its "
			"own",
			module->name,
			imports_call(__builtin_ctzll(module->bypassing), &call),
			several ? " and others" : "");
}

static void judge_bindings(struct process *process)
{
	int error;

	if (!process->library)
		return;
	error = bindings_examine(&process->imports, process->pid);
	if (error)
		verdict_add(&process->verdict, ANSWER_PARTLY,
			    "what its modules call cannot be read from its "
			    "memory: %s",
			    strerror(-error));
	for (size_t i = 0; i < process->imports.n; i++)
		judge_module(&process->verdict, &process->imports.modules[i]);
}

static char *read_link(pid_t pid, const char *name)
{
	char path[PROC_MAX], target[PATH_MAX];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	size = readlink(path, target, sizeof(target));
	return size < 0 ? NULL : strndup(target, size);
}

int process_examine(struct process *process, pid_t pid)
{
	int error;

	*process = (struct process){ .pid = pid };
	if (getpgid(pid) < 0)
		return -errno;
	process->program = read_link(pid, "exe");
	if (!process->program)
		return -errno;
	error = read_maps(process);
	if (error)
		return error;
	process->config = read_variable(pid, "DNSTAP_CONFIG");
	process->metrics = process_metrics(pid);
	count_taps(process);
	judge_library(process);
	judge_bindings(process);
	judge_confinement(process);
	return 0;
}

void process_free(struct process *process)
{
	free(process->program);
	free(process->library);
	free(process->config);
	free(process->metrics);
	verdict_free(&process->verdict);
	imports_free(&process->imports);
}
