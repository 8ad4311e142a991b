/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking through /proc.
 */
#include "cli/processes.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/proc.h"

#define UNIT ".service"

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void on_mapping(void *has, const struct proc_mapping *mapping)
{
	if (cli_is_library(base_of(mapping->path)))
		*(bool *)has = true;
}

bool processes_has_library(pid_t pid)
{
	bool has = false;

	proc_mappings(pid, on_mapping, &has);
	return has;
}

static bool has(const struct processes *found, pid_t pid)
{
	for (size_t i = 0; i < found->n; i++)
		if (found->pid[i] == pid)
			return true;
	return false;
}

int processes_add(struct processes *found, pid_t pid)
{
	pid_t *more;

	if (has(found, pid))
		return 0;
	more = reallocarray(found->pid, found->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	found->pid = more;
	found->pid[found->n++] = pid;
	return 0;
}

void processes_free(struct processes *found)
{
	free(found->pid);
	*found = (struct processes){ 0 };
}

/* Calls `each` for every process until it returns other than 0, and returns that. */
static int walk(int (*each)(pid_t pid, void *context), void *context)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	int result = directory ? 0 : -errno;
	uint64_t pid;

	while (!result && directory && (entry = readdir(directory)))
		if (cli_number(entry->d_name, 1, INT32_MAX, &pid))
			result = each((pid_t)pid, context);
	if (directory)
		closedir(directory);
	return result;
}

/* Names */

static bool runs(pid_t pid, const char *name)
{
	char *program = proc_link(pid, "exe");
	bool same = program &&
		    !strcmp(*name == '/' ? program : base_of(program), name);

	free(program);
	return same;
}

static bool calls_itself(pid_t pid, const char *name)
{
	size_t size;
	char *comm = proc_read(pid, "comm", &size);
	bool same = false;

	if (comm) {
		comm[strcspn(comm, "\n")] = '\0';
		same = !strcmp(comm, name);
	}
	free(comm);
	return same;
}

static bool is_unit(const char *part, const char *name)
{
	size_t size = strlen(name);

	return !strncmp(part, name, size) &&
	       (!part[size] || !strcmp(part + size, UNIT));
}

/* Is a part of the path of its control group the unit's? */
static bool is_in_unit(pid_t pid, const char *name)
{
	size_t size;
	char *groups = proc_read(pid, "cgroup", &size), *rest = groups, *part;
	bool found = false;

	while (!found && (part = strsep(&rest, "/\n")))
		found = *part && is_unit(part, name);
	free(groups);
	return found;
}

struct search {
	struct processes *found;
	const char *name;
};

static int add_if_called(pid_t pid, void *context)
{
	const struct search *search = context;
	const char *name = search->name;

	if (!runs(pid, name) && !calls_itself(pid, name) &&
	    !is_in_unit(pid, name))
		return 0;
	return processes_has_library(pid) ? processes_add(search->found, pid)
					  : 0;
}

int processes_add_named(struct processes *found, const char *name)
{
	struct search search = { found, name };

	return walk(add_if_called, &search);
}

/* Trees */

struct parentage {
	pid_t pid, parent;
};

struct family {
	struct parentage *member;
	size_t n;
};

/* 0 if it has none, or is not there. The program's name is in brackets, and may have
 * some in it. */
static pid_t parent_of(pid_t pid)
{
	size_t size;
	char *stat = proc_read(pid, "stat", &size);
	const char *behind = stat ? strrchr(stat, ')') : NULL;
	int parent;

	if (!behind || sscanf(behind, ") %*c %d", &parent) != 1)
		parent = 0;
	free(stat);
	return parent;
}

static int note(pid_t pid, void *context)
{
	struct family *family = context;
	struct parentage *more =
		reallocarray(family->member, family->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	family->member = more;
	more[family->n++] = (struct parentage){ pid, parent_of(pid) };
	return 0;
}

/* Children stand behind their parents, so that theirs are found in turn. */
static int add_all_below(struct processes *tree, const struct family *family)
{
	int error = 0;

	for (size_t i = 0; i < tree->n; i++)
		for (size_t j = 0; j < family->n && !error; j++)
			if (family->member[j].parent == tree->pid[i])
				error = processes_add(tree,
						      family->member[j].pid);
	return error;
}

static int copy(struct processes *to, const struct processes *from,
		bool (*wanted)(pid_t pid))
{
	int error = 0;

	for (size_t i = 0; i < from->n && !error; i++)
		if (!has(to, from->pid[i]) && (!wanted || wanted(from->pid[i])))
			error = processes_add(to, from->pid[i]);
	return error;
}

int processes_add_descendants(struct processes *found)
{
	struct family family = { 0 };
	struct processes tree = { 0 };
	int error = walk(note, &family);

	if (!error)
		error = copy(&tree, found, NULL);
	if (!error)
		error = add_all_below(&tree, &family);
	if (!error)
		error = copy(found, &tree, processes_has_library);
	processes_free(&tree);
	free(family.member);
	return error;
}

/* What a user says */

static int find_number(struct processes *found, pid_t pid)
{
	if (kill(pid, 0) && errno == ESRCH) {
		cli_warn("process %d: %s", (int)pid, strerror(errno));
		return EX_NOINPUT;
	}
	return processes_add(found, pid) ? cli_no_memory() : EX_OK;
}

static int find_named(struct processes *found, const char *name)
{
	int error = processes_add_named(found, name);

	found->named = true;
	if (error) {
		cli_warn("/proc: %s", strerror(-error));
		return EX_UNAVAILABLE;
	}
	if (found->n)
		return EX_OK;
	cli_warn("%s: no process of this name has " LIBRARY
		 " loaded, as far as may be seen",
		 name);
	return EX_NOINPUT;
}

int processes_find(struct processes *found, const char *word)
{
	uint64_t pid;

	*found = (struct processes){ 0 };
	if (cli_number(word, 1, INT32_MAX, &pid))
		return find_number(found, (pid_t)pid);
	return find_named(found, word);
}

static int each_of(const struct processes *found,
		   int (*each)(pid_t pid, void *context), void *context)
{
	int status = EX_UNAVAILABLE;

	for (size_t i = 0; i < found->n; i++) {
		int one = each(found->pid[i], context);

		if (one != EX_UNAVAILABLE &&
		    (status == EX_OK || status == EX_UNAVAILABLE))
			status = one;
	}
	return status;
}

int processes_each(int count, char **words,
		   int (*each)(pid_t pid, void *context), void *context)
{
	struct processes found;
	int status = EX_OK;

	for (int i = 0; i < count; i++) {
		int one = processes_find(&found, words[i]);

		if (one == EX_OK)
			one = each_of(&found, each, context);
		processes_free(&found);
		if (one != EX_OK)
			status = one;
	}
	return status;
}
