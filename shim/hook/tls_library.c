/* SPDX-License-Identifier: Apache-2.0
 *
 * Three passes over the modules: where the functions are, who else defines their
 * names, and who holds them.
 */
#include "shim/hook/tls_library.h"

#include <string.h>

#include "proto/common.h"
#include "shim/hook/module.h"

struct tls_library tls_libraries[TLS_KINDS];

/* A library is known by two functions that no other has both of. */
static const char *const known_by[TLS_KINDS][2] = {
	[TLS_OPENSSL] = { "SSL_read", "SSL_get_rfd" },
	[TLS_GNUTLS] = { "gnutls_record_recv", "gnutls_session_get_random" },
};

static const struct function {
	enum tls_kind kind;
	const char *name;
	size_t place; /* in struct tls_library */
	void *hook;   /* NULL: it is only asked */
} functions[] = {
#define TLS_CALL(library, name, result, arguments)                  \
	{ TLS_##library, #name, offsetof(struct tls_library, name), \
	  (void *)hook_##name },
#define TLS_ASK(library, name, result, arguments) \
	{ TLS_##library, #name, offsetof(struct tls_library, name), NULL },
#include "shim/hook/tls_calls.h"
};

/* A library that is looked into. */
struct found {
	bool any;
	ElfW(Addr) base;
	struct tls_library library;
};

/* What the first two passes find. */
struct definitions {
	struct found found[TLS_KINDS];
	bool contested[ARRAY_SIZE(functions)]; /* another module defines it */
};

static ElfW(Addr) bound[TLS_KINDS];

/* The modules that need not be looked at again: so many at the beginning, unless one
 * was unloaded, or a library has come. In the dynamic linker's lock. */
static struct {
	size_t modules;
	unsigned long long unloaded;
} done;

static void *const *slot_of(const struct tls_library *library,
			    const struct function *one)
{
	return (void *const *)((const char *)library + one->place);
}

static void *address_of(const struct module *module, const char *name)
{
	uint32_t n = module_find(module, name);

	return n ? (void *)(module->base + module->symbols[n].st_value) : NULL;
}

static void read_library(struct found *found, enum tls_kind kind,
			 const struct module *module)
{
	found->any = true;
	found->base = module->base;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (functions[i].kind == kind)
			*(void **)slot_of(&found->library, &functions[i]) =
				address_of(module, functions[i].name);
}

/* The first one, or the one that is looked into already. */
static int find_libraries(struct dl_phdr_info *info, size_t size, void *context)
{
	struct found *found = context;
	struct module module;

	(void)size;
	if (!module_read(&module, info) || module_has(&module, functions))
		return 0;
	for (int kind = 0; kind < TLS_KINDS; kind++) {
		if (!module_find(&module, known_by[kind][0]) ||
		    !module_find(&module, known_by[kind][1]))
			continue;
		if (!found[kind].any || module.base == bound[kind])
			read_library(&found[kind], kind, &module);
	}
	return 0;
}

/* Any definition may be the one that a name leads to: a key logger's, the program's. */
static int find_others(struct dl_phdr_info *info, size_t size, void *context)
{
	struct definitions *definitions = context;
	struct module module;

	(void)size;
	if (!module_read(&module, info) || module_has(&module, functions))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct found *found =
			&definitions->found[functions[i].kind];

		if (found->any && module.base != found->base &&
		    module_find(&module, functions[i].name))
			definitions->contested[i] = true;
	}
	return 0;
}

/* Where a name that is yet to be looked up leads to is known if nobody else has it. */
static void *wanted(const void *context, const char *name, const void *value,
		    bool unbound)
{
	const struct definitions *definitions = context;

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct function *one = &functions[i];
		const struct found *found = &definitions->found[one->kind];
		void *real = *slot_of(&found->library, one);

		if (!one->hook || !real)
			continue;
		if (unbound ? !definitions->contested[i] &&
				      !strcmp(name, one->name)
			    : value == real)
			return one->hook;
	}
	return NULL;
}

struct pass {
	const struct definitions *definitions;
	size_t modules; /* gone by */
};

static int bind_module(struct dl_phdr_info *info, size_t size, void *context)
{
	struct pass *pass = context;
	struct module module;

	(void)size;
	if (pass->modules++ < done.modules && done.unloaded == info->dlpi_subs)
		return 0;
	done.modules = pass->modules;
	done.unloaded = info->dlpi_subs;
	if (module_read(&module, info) && !module_has(&module, functions))
		module_bind(&module, wanted, pass->definitions);
	return 0;
}

/* Another one may lie where one was that has been unloaded, even of the same size, so
 * they are known by the functions. */
static void look_into(enum tls_kind kind, const struct found *found)
{
	bound[kind] = found->base;
	if (!memcmp(&tls_libraries[kind], &found->library,
		    sizeof(found->library)))
		return;
	tls_libraries[kind] = found->library;
	done.modules = 0;
}

void tls_library_bind(void)
{
	struct definitions definitions = { 0 };
	struct pass pass = { .definitions = &definitions };
	bool any = false;

	dl_iterate_phdr(find_libraries, definitions.found);
	for (int kind = 0; kind < TLS_KINDS; kind++) {
		if (!definitions.found[kind].any)
			continue;
		look_into(kind, &definitions.found[kind]);
		any = true;
	}
	if (!any)
		return;
	dl_iterate_phdr(find_others, &definitions);
	dl_iterate_phdr(bind_module, &pass);
}
