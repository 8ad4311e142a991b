/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a process by way of /proc/PID/maps and /proc/PID/mem.
 */
#include "cli/inspect/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/inspect/elf.h"

#define LIBRARY  "libdnstapshim.so"
#define LIBC     "libc.so.6"
#define DELETED  " (deleted)"
#define PROC_MAX 96

struct range {
	uint64_t begin, end;
};

/* One module of the process, and what its table is held against. */
struct view {
	pid_t pid;
	int memory;
	struct range *libc; /* each: there is one in every namespace */
	size_t n_libc;
	uint64_t bias; /* of the module's addresses */
	struct module *module;
	int error;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool bindings_is_library(const char *path)
{
	return !strncmp(base_name(path), LIBRARY, strlen(LIBRARY));
}

/* A line of maps about a file: returns its path, cut from the line, or NULL. */
static char *parse(char *line, struct range *range, uint64_t *offset)
{
	char *path = strchr(line, '/');

	if (!path || sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64,
			    &range->begin, &range->end, offset) != 3)
		return NULL;
	path[strcspn(path, "\n")] = '\0';
	return path;
}

static void add_libc(struct view *view, const struct range *range)
{
	struct range *all =
		realloc(view->libc, (view->n_libc + 1) * sizeof(*all));

	if (!all) {
		view->error = -ENOMEM;
		return;
	}
	view->libc = all;
	all[view->n_libc++] = *range;
}

static bool lies_in_libc(const struct view *view, uint64_t address)
{
	for (size_t i = 0; i < view->n_libc; i++)
		if (address >= view->libc[i].begin &&
		    address < view->libc[i].end)
			return true;
	return false;
}

static void on_binding(void *context, const char *name, uint64_t address)
{
	struct view *view = context;
	int n = imports_number(name);
	struct call call;
	uint64_t value;

	if (n < 0 || !imports_call(n, &call) || !call.hooked)
		return;
	if (pread(view->memory, &value, sizeof(value),
		  (off_t)(view->bias + address)) != sizeof(value))
		view->error = errno ? -errno : -EIO;
	else if (lies_in_libc(view, value))
		view->module->bypassing |= UINT64_C(1) << n;
}

static struct module *module_of(struct imports *imports, const char *name)
{
	for (size_t i = 0; i < imports->n; i++)
		if (!strcmp(imports->modules[i].name, name))
			return &imports->modules[i];
	return NULL;
}

/* By its mapping, which holds where the file has been replaced since; not
 * everybody may. */
static int open_mapped(struct elf *elf, pid_t pid, const struct range *range,
		       const char *path)
{
	char mapped[PROC_MAX], *reachable;
	int error;

	snprintf(mapped, sizeof(mapped),
		 "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
		 range->begin, range->end);
	error = elf_open(elf, mapped);
	if (!error)
		return 0;
	if (asprintf(&reachable, "/proc/%d/root%s", (int)pid, path) < 0)
		return -ENOMEM;
	error = elf_open(elf, reachable);
	free(reachable);
	return error;
}

/* The mapping that a module begins with. */
static void on_module(struct view *view, struct imports *imports,
		      const struct range *range, char *path)
{
	char *deleted = strstr(path, DELETED);
	struct elf elf;
	int error;

	if (deleted)
		*deleted = '\0';
	view->module = module_of(imports, base_name(path));
	if (!view->module)
		return;
	if (deleted)
		*deleted = *DELETED;
	error = open_mapped(&elf, view->pid, range, path);
	if (error) {
		view->error = error;
		return;
	}
	view->bias = range->begin - elf_base(&elf);
	elf_bindings(&elf, on_binding, view);
	elf_close(&elf);
}

static void on_line(struct view *view, struct imports *imports, char *line)
{
	struct range range;
	uint64_t offset;
	char *path = parse(line, &range, &offset);

	if (!path)
		return;
	if (imports && offset == 0 && !bindings_is_library(path))
		on_module(view, imports, &range, path);
	if (!imports && !strcmp(base_name(path), LIBC))
		add_libc(view, &range);
}

/* imports: NULL to look for libc alone. */
static int read_maps(struct view *view, struct imports *imports)
{
	char path[PROC_MAX], *line = NULL;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)view->pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0)
		on_line(view, imports, line);
	free(line);
	fclose(file);
	return view->error;
}

int bindings_examine(struct imports *imports, pid_t pid)
{
	struct view view = { .pid = pid };
	char path[PROC_MAX];
	int error;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	view.memory = open(path, O_RDONLY | O_CLOEXEC);
	if (view.memory < 0)
		return -errno;
	error = read_maps(&view, NULL);
	if (!error)
		error = read_maps(&view, imports);
	close(view.memory);
	free(view.libc);
	return error;
}
