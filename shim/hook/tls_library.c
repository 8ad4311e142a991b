/* SPDX-License-Identifier: Apache-2.0
 *
 * Two passes over the modules: where the functions are, and who holds them.
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

/* What the first pass finds, of each kind. */
struct found {
	size_t n;
	ElfW(Addr) base; /* of the one that is looked into */
	struct tls_library library;
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
		if (!found[kind].n++ || module.base == bound[kind])
			read_library(&found[kind], kind, &module);
	}
	return 0;
}

/* A name that is yet to be looked up leads to the only library that has it. */
static void *wanted(const void *context, const char *name, const void *value,
		    bool unbound)
{
	const struct found *found = context;

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct function *one = &functions[i];
		void *real = *slot_of(&found[one->kind].library, one);

		if (!one->hook || !real)
			continue;
		if (unbound ? found[one->kind].n == 1 &&
				      !strcmp(name, one->name)
			    : value == real)
			return one->hook;
	}
	return NULL;
}

struct pass {
	const struct found *found;
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
		module_bind(&module, wanted, pass->found);
	return 0;
}

void tls_library_bind(void)
{
	struct found found[TLS_KINDS] = { 0 };
	struct pass pass = { .found = found };

	dl_iterate_phdr(find_libraries, found);
	for (int kind = 0; kind < TLS_KINDS; kind++)
		if (found[kind].n && found[kind].base != bound[kind]) {
			tls_libraries[kind] = found[kind].library;
			bound[kind] = found[kind].base;
			done.modules = 0;
		}
	if (found[TLS_OPENSSL].n || found[TLS_GNUTLS].n)
		dl_iterate_phdr(bind_module, &pass);
}
