/* SPDX-License-Identifier: Apache-2.0
 *
 * The search, once for each place that calls.
 */
#include "shim/hook/tls_library.h"

#include <errno.h>
#include <stdatomic.h>

#include "proto/common.h"
#include "shim/hook/module.h"
#include "shim/hook/real.h"

/* For one place so many are looked at. */
#define STEPS 8

struct tls_site tls_sites[TLS_SITES];

enum kind { OPENSSL, GNUTLS };

static const char *const names[TLS_NAMES] = {
#define TLS_CALL(of, name, result, arguments) [TLS_##name] = #name,
#include "shim/hook/tls_calls.h"
};

static const enum kind kinds[TLS_NAMES] = {
#define TLS_CALL(of, name, result, arguments) [TLS_##name] = of,
#include "shim/hook/tls_calls.h"
};

/* A handle for the object that an address lies in, or NULL. */
static void *object_at(const void *address, int flags)
{
	struct link_map *map;
	Dl_info info;

	if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP))
		return NULL;
	return real_late(dlopen)(*map->l_name ? map->l_name : NULL,
				 RTLD_LAZY | RTLD_NOLOAD | flags);
}

static bool is_ours(const void *address)
{
	Dl_info one, other;

	return dladdr(address, &one) && dladdr(names, &other) &&
	       one.dli_fbase == other.dli_fbase;
}

struct search {
	const char *name;
	const void *caller;
	const char *version; /* that the caller's module asks for */
	void *any;           /* of all definitions, but for ours */
};

static int look_into(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *search = context;
	struct module module;

	(void)size;
	if (!module_read(&module, info))
		return 0;
	if (module_has(&module, search->caller))
		search->version = module_version(&module, search->name);
	uint32_t n = module_find(&module, search->name);
	if (n && !search->any && !module_has(&module, tls_library_find))
		search->any =
			(void *)(module.base + module.symbols[n].st_value);
	return 0;
}

static void *find_in(void *scope, const struct search *search)
{
	return search->version ? dlvsym(scope, search->name, search->version)
			       : real_late(dlsym)(scope, search->name);
}

/* As the linker would have found it, were the hooks not there: in the scope of all,
 * then in that of the module that calls. A function that ends in the call may have
 * been called from another module, which sees neither: then anywhere. */
static void *find_real(const char *name, const void *caller)
{
	struct search search = { .name = name, .caller = caller };

	dl_iterate_phdr(look_into, &search);
	void *found = find_in(RTLD_NEXT, &search);
	void *scope = found ? NULL : object_at(caller, 0);
	if (scope) {
		found = find_in(scope, &search);
		dlclose(scope);
	}
	return found && !is_ours(found) ? found : search.any;
}

static void *ask(void *scope, const char *name)
{
	void *found = scope ? real_late(dlsym)(scope, name) : NULL;

	return found ? found : real_late(dlsym)(RTLD_NEXT, name);
}

static bool look_up(struct tls_library *library, enum tls_name name,
		    const void *caller)
{
	int saved = errno;
	void *found = find_real(names[name], caller);
	void *scope = found ? object_at(found, RTLD_NODELETE) : NULL;

	*library = (struct tls_library){ .real = found };
#define TLS_ASK(of, asked, result, arguments) \
	if (found && kinds[name] == of)       \
		library->asked = ask(scope, #asked);
#include "shim/hook/tls_calls.h"
	dlerror(); /* the host's next call of it is not to tell of ours */
	errno = saved;
	return found;
}

static struct tls_site *next_site(struct tls_site *site)
{
	return site == tls_sites + TLS_SITES - 1 ? tls_sites : site + 1;
}

static struct tls_site *filled_site(const void *caller)
{
	struct tls_site *site = tls_site_of(caller);

	for (int i = 0; i < STEPS; i++, site = next_site(site))
		if (atomic_load_explicit(&site->caller, memory_order_acquire) ==
		    caller)
			return site;
	return NULL;
}

static struct tls_site *take_site(const void *caller)
{
	struct tls_site *site = tls_site_of(caller);

	for (int i = 0; i < STEPS; i++, site = next_site(site))
		if (!atomic_exchange(&site->taken, true))
			return site;
	return NULL;
}

/* Where there is no room for a place it is looked up each time. */
const struct tls_library *tls_library_find(enum tls_name name,
					   const void *caller)
{
	static _Thread_local struct tls_library found;
	struct tls_site *site = filled_site(caller);

	if (site)
		return &site->library;
	if (!look_up(&found, name, caller))
		return NULL;
	site = take_site(caller);
	if (!site)
		return &found;
	site->library = found;
	atomic_store_explicit(&site->caller, caller, memory_order_release);
	return &site->library;
}
