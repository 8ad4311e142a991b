/* SPDX-License-Identifier: Apache-2.0
 *
 * The imports of a program and its libraries.
 */
#include "cli/inspect/imports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect/encryption.h"
#include "cli/inspect/ldcache.h"
#include "cli/inspect/library.h"
#include "proto/common.h"

#define UNSEEN       NOTHING
#define ANY_CALL     MESSAGES
#define MESSAGES(io) MESSAGES
#define OCTETS(io)   OCTETS
#define CARRIED(io)  NOTHING
#define BEFORE(what) NOTHING
#define AFTER(what)  NOTHING
#define AROUND(what) NOTHING

/* What a call moves. */
enum moves { NOTHING, OCTETS, MESSAGES };

/* The same of an alias. */
enum {
#define CALL(name, number, arguments, way) MOVES_##name = way,
#define LATE(name)                         MOVES_##name = NOTHING,
#include "shim/hook/calls.h"
};

static const struct row {
	const char *name;
	int moves; /* enum moves */
	bool hooked;
} rows[] = {
#define CALL(name, number, arguments, way) { #name, MOVES_##name, true },
#define KIN(name, of)                      { #name, MOVES_##of, true },
#include "shim/hook/calls.h"
	{ "__recv", MESSAGES, false }, /* of older libcs */
};
_Static_assert(ARRAY_SIZE(rows) <= IMPORTS_CALLS_MAX, "one bit each");

const char *imports_call(size_t n, struct call *call)
{
	if (n >= ARRAY_SIZE(rows))
		return NULL;
	call->for_sockets = rows[n].moves == MESSAGES;
	call->hooked = rows[n].hooked;
	return rows[n].name;
}

/* Of a call that moves nothing of interest there is no number. */
int imports_number(const char *name)
{
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		if (rows[n].moves && !strcmp(name, rows[n].name))
			return (int)n;
	return -1;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static void on_import(void *context, const char *name)
{
	struct module *module = context;
	int n = imports_number(name);

	if (n >= 0)
		module->calls |= UINT64_C(1) << n;
	module->encryption |= encryption_bit(name);
	if (begins(name, "io_uring_"))
		module->uring = true;
	if (begins(name, "xsk_"))
		module->xdp = true;
	if (!strcmp(name, "dlopen"))
		module->dlopens = true;
}

/* Returns a new module, or NULL if it is known, or there is no room for it. */
static struct module *add(struct imports *imports, const char *path,
			  const char *name)
{
	struct module *modules, *module;

	for (size_t i = 0; i < imports->n; i++)
		if (!strcmp(imports->modules[i].name, name))
			return NULL;
	if (imports->n == IMPORTS_MODULES_MAX)
		return NULL;
	modules =
		realloc(imports->modules, (imports->n + 1) * sizeof(*modules));
	if (!modules)
		return NULL;
	imports->modules = modules;
	module = &modules[imports->n];
	*module = (struct module){ .path = path ? strdup(path) : NULL,
				   .name = strdup(name),
				   .found = path != NULL };
	if (!module->name || (path && !module->path)) {
		free(module->path);
		free(module->name);
		return NULL;
	}
	imports->n++;
	return module;
}

/* `loader`: musl's; NULL: it is glibc's. */
static void add_needed(struct imports *imports, const struct ldcache *cache,
		       const char *loader, const struct elf *elf,
		       const char *path)
{
	const char *name;

	for (size_t n = 0; (name = elf_needed(elf, n)); n++) {
		char *found =
			loader ? ldcache_find_musl(loader, name, elf, path)
			       : ldcache_find(cache, name, elf, path);

		add(imports, found, name);
		free(found);
	}
}

int imports_of_file(struct imports *imports, const char *path)
{
	struct ldcache *cache = ldcache_open();
	char *loader = NULL;
	struct elf elf;
	int error, first = 0;

	if (!cache || !add(imports, path, basename(path))) {
		ldcache_close(cache);
		return -ENOMEM;
	}
	/* The list grows under the loop: breadth first, as the linker goes. */
	for (size_t i = 0; i < imports->n; i++) {
		const char *at = imports->modules[i].path;

		error = at ? elf_open(&elf, at) : -ENOENT;
		if (i == 0)
			first = error;
		if (error)
			continue;
		if (i == 0 && library_is_musl(elf.interpreter))
			loader = strdup(elf.interpreter);
		elf_imports(&elf, on_import, &imports->modules[i]);
		add_needed(imports, cache, loader, &elf, at);
		elf_close(&elf);
	}
	free(loader);
	ldcache_close(cache);
	return first;
}

int imports_of_module(struct imports *imports, const char *path,
		      const char *name)
{
	struct elf elf;
	struct module *module;
	int error = elf_open(&elf, path);

	if (error)
		return error;
	module = add(imports, path, name);
	if (module)
		elf_imports(&elf, on_import, module);
	elf_close(&elf);
	return 0;
}

void imports_free(struct imports *imports)
{
	for (size_t i = 0; i < imports->n; i++) {
		free(imports->modules[i].path);
		free(imports->modules[i].name);
	}
	free(imports->modules);
	*imports = (struct imports){ 0 };
}
