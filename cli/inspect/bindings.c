/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a process by way of proc(5).
 */
#include "cli/inspect/bindings.h"

#include <errno.h>
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/inspect/elf.h"
#include "cli/proc.h"

#define LIBC     "libc.so.6"
#define PROC_MAX 96

struct range {
	uint64_t begin, end;
};

/* One module of the process, and what its table is held against. */
struct view {
	pid_t pid;
	int memory;
	struct imports *imports;
	struct range *libc; /* each: there is one in every namespace */
	size_t n_libc;
	uint64_t bias; /* of the module's addresses */
	struct module *module;
	int error;
};

bool bindings_is_library(const char *path)
{
	return cli_is_library(basename(path));
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

static struct module *module_of(const struct imports *imports, const char *name)
{
	for (size_t i = 0; i < imports->n; i++)
		if (!strcmp(imports->modules[i].name, name))
			return &imports->modules[i];
	return NULL;
}

/* By its mapping, which holds where the file has been replaced since; not
 * everybody may. */
static int open_mapped(struct elf *elf, pid_t pid,
		       const struct proc_mapping *mapping)
{
	char mapped[PROC_MAX], *reachable;
	int error;

	snprintf(mapped, sizeof(mapped),
		 "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
		 mapping->begin, mapping->end);
	error = elf_open(elf, mapped);
	if (!error || mapping->deleted)
		return error;
	reachable = proc_path(pid, mapping->path);
	error = reachable ? elf_open(elf, reachable) : -ENOMEM;
	free(reachable);
	return error;
}

/* musl's is the loader itself, under either name. */
static bool is_libc(const char *name)
{
	return !strcmp(name, LIBC) || !strcmp(name, "libc.so") ||
	       !strncmp(name, "ld-musl-", 8);
}

static void find_libc(void *context, const struct proc_mapping *mapping)
{
	const struct range range = { mapping->begin, mapping->end };

	if (is_libc(basename(mapping->path)))
		add_libc(context, &range);
}

/* The mapping that a module begins with. */
static void examine(void *context, const struct proc_mapping *mapping)
{
	struct view *view = context;
	struct elf elf;
	int error;

	if (mapping->offset || bindings_is_library(mapping->path))
		return;
	view->module = module_of(view->imports, basename(mapping->path));
	if (!view->module)
		return;
	error = open_mapped(&elf, view->pid, mapping);
	if (error) {
		view->error = error;
		return;
	}
	view->bias = mapping->begin - elf_base(&elf);
	elf_bindings(&elf, on_binding, view);
	elf_close(&elf);
}

static int examine_all(struct view *view)
{
	int error = proc_mappings(view->pid, find_libc, view);

	error = error ? error : view->error;
	if (!error)
		error = proc_mappings(view->pid, examine, view);
	return error ? error : view->error;
}

int bindings_examine(struct imports *imports, pid_t pid)
{
	struct view view = { .pid = pid, .imports = imports };
	char path[PROC_MAX];
	int error;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	view.memory = open(path, O_RDONLY | O_CLOEXEC);
	if (view.memory < 0)
		return -errno;
	error = examine_all(&view);
	close(view.memory);
	free(view.libc);
	return error;
}

struct search {
	pid_t pid;
	const char *symbol;
	uint64_t address; /* 0: not found */
	int error;
};

static uint64_t address_of(const struct elf *elf, const char *symbol)
{
	for (size_t i = 0; i < elf->n_symbols; i++) {
		const ElfW(Sym) *one = &elf->symbols[i];

		if (one->st_shndx != SHN_UNDEF &&
		    one->st_name < elf->strings_size &&
		    !strcmp(elf->strings + one->st_name, symbol))
			return one->st_value;
	}
	return 0;
}

static void search(void *context, const struct proc_mapping *mapping)
{
	struct search *search = context;
	struct elf elf;

	if (mapping->offset || search->address ||
	    !bindings_is_library(mapping->path))
		return;
	search->error = open_mapped(&elf, search->pid, mapping);
	if (search->error)
		return;
	uint64_t address = address_of(&elf, search->symbol);
	if (address)
		search->address = mapping->begin - elf_base(&elf) + address;
	elf_close(&elf);
}

int bindings_text(pid_t pid, const char *symbol, char *text, size_t size)
{
	struct search found = { .pid = pid, .symbol = symbol };
	int error = proc_mappings(pid, search, &found), memory;
	char path[PROC_MAX];

	error = error ? error : found.error;
	if (error || !found.address)
		return error ? error : -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0)
		return -errno;
	ssize_t n = pread(memory, text, size - 1, (off_t)found.address);
	error = n < 0 ? -errno : 0;
	close(memory);
	text[n < 0 ? 0 : n] = '\0';
	return error;
}
