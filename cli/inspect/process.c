/* SPDX-License-Identifier: Apache-2.0
 *
 * The examination of a process by way of proc(5).
 */
#include "cli/inspect/process.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/configured.h"
#include "cli/counters.h"
#include "cli/inspect/bindings.h"
#include "cli/inspect/encryption.h"
#include "cli/inspect/ports.h"
#include "cli/proc.h"

#define THREAD    "dnstapshim"
#define PROC_MAX  64
#define STATE_MAX 512 /* what it says in its memory */

static void on_library(struct process *process,
		       const struct proc_mapping *mapping)
{
	if (!process->library)
		process->library = strdup(mapping->path);
	if (mapping->deleted)
		verdict_add(&process->verdict, ANSWER_YES,
			    "the library's file has been replaced since; the "
			    "old one runs until the next start");
}

static void on_mapping(void *context, const struct proc_mapping *mapping)
{
	struct process *process = context;
	char *reachable;

	if (strcmp(mapping->access, "r-xp") != 0)
		return;
	if (bindings_is_library(mapping->path)) {
		on_library(process, mapping);
		return;
	}
	reachable = proc_path(process->pid, mapping->path);
	if (reachable)
		imports_of_module(&process->imports, reachable,
				  basename(mapping->path));
	free(reachable);
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
		comm = proc_read(process->pid, name, &size);
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
	char *data = proc_read(pid, "auxv", &size);
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
	char *label = proc_read(process->pid, "attr/current", &size);

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
	char *value = proc_variable(pid, "DNSTAP_DISABLE");
	bool disabled = value && *value && strcmp(value, "0");

	free(value);
	return disabled;
}

/* What it says itself goes before all that can be seen. */
static void judge_status(struct process *process)
{
	const struct status *status = &process->status;
	struct verdict *verdict = &process->verdict;

	snprintf(process->state, sizeof(process->state),
		 LIBRARY " is loaded and at work, taps: %zu", status->n);
	if (!strcmp(status->capture, "off"))
		verdict_add(verdict, ANSWER_NO,
			    LIBRARY " is loaded, but capture has been switched "
				    "off, %s: dnstapshim on %d",
			    status->switched, (int)process->pid);
	for (size_t i = 0; i < status->n; i++) {
		const struct exposition_tap *tap = &status->taps[i].counters;
		uint64_t lost = tap->counts.dropped[DROP_STREAM];

		if (lost)
			verdict_add(
				verdict, ANSWER_PARTLY,
				"%" PRIu64 " calls on TCP connections could "
				"not be followed, as splice(2) and its like "
				"cannot",
				lost);
		if (lost)
			return;
	}
}

static const char *text_of(const struct process *process, const char *state)
{
	return *state ? state
	       : !process->config || !*process->config
		       ? "DNSTAP_CONFIG is not set in its environment"
	       : is_disabled(process->pid)
		       ? "DNSTAP_DISABLE is set in its environment"
		       : "";
}

static void judge_ports(struct process *process)
{
	struct config *config = configured_load(process->pid);
	char ports[64];

	if (config && !ports_match(process->pid, config, ports, sizeof(ports)))
		verdict_add(&process->verdict, ANSWER_PARTLY,
			    LIBRARY " is loaded, but no socket of the process "
				    "is bound to a DNS port of its "
				    "configuration%s%s%s",
			    *ports ? "; bound are " : "", ports,
			    *ports ? ": see ports" : "");
	config_free(config);
}

/* Nobody answers: its memory says whether it has begun at all. */
static void judge_silence(struct process *process)
{
	char state[STATE_MAX] = "";
	int error = bindings_text(process->pid, "dnstapshim_state", state,
				  sizeof(state));
	const char *wrong = text_of(process, error ? "" : state);

	if (*wrong && strcmp(wrong, "ready")) {
		verdict_add(&process->verdict, ANSWER_NO,
			    LIBRARY " is loaded, but taps nothing: %s", wrong);
	} else if (process->taps) {
		snprintf(process->state, sizeof(process->state),
			 LIBRARY " is loaded and at work, taps: %u",
			 process->taps);
	} else {
		snprintf(process->state, sizeof(process->state),
			 LIBRARY " is loaded; no DNS message came to it yet");
		judge_ports(process);
	}
}

static void judge_library(struct process *process)
{
	int error;

	if (!process->library) {
		verdict_add(&process->verdict, ANSWER_NO,
			    LIBRARY " is not loaded in this process");
		return;
	}
	error = status_ask(&process->status, process->pid);
	process->answers = !error && process->status.answer.done;
	if (process->answers)
		judge_status(process);
	else
		judge_silence(process);
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

static char *recorder_of(pid_t pid)
{
	struct config *config = configured_load(pid);
	char *path =
		config && config->recorder ? strdup(config->recorder) : NULL;

	config_free(config);
	return path;
}

int process_examine(struct process *process, pid_t pid)
{
	int error;

	*process = (struct process){ .pid = pid };
	if (getpgid(pid) < 0)
		return -errno;
	process->program = proc_link(pid, "exe");
	if (!process->program)
		return -errno;
	error = proc_mappings(pid, on_mapping, process);
	if (error)
		return error;
	process->config = proc_variable(pid, "DNSTAP_CONFIG");
	process->metrics = counters_path(pid);
	process->recorder = recorder_of(pid);
	count_taps(process);
	judge_library(process);
	judge_bindings(process);
	judge_confinement(process);
	encryption_judge(&process->verdict, &process->imports);
	return 0;
}

void process_free(struct process *process)
{
	free(process->program);
	free(process->library);
	free(process->config);
	free(process->metrics);
	free(process->recorder);
	status_free(&process->status);
	verdict_free(&process->verdict);
	imports_free(&process->imports);
}
