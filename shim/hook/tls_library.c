/* SPDX-License-Identifier: Apache-2.0
 *
 * Looked up once for each place that calls.
 */
#include "shim/hook/tls_library.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/common.h"
#include "shim/hook/module.h"
#include "shim/hook/real.h"

/* Two threads that look for the same one at the same time find it twice. */
#define LIBRARIES_MAX 16

/* Places that call and are remembered, and for how many of them one is looked for.
 * Where there is no room it is looked up each time. */
#define SITES 256
#define STEPS 8

struct site {
	const void *_Atomic caller;
	const struct tls_library *_Atomic library;
};

static struct site sites[2][SITES]; /* of each kind */

static struct {
	struct tls_library library;
	void *_Atomic
		first; /* of its functions; NULL: it is not filled in yet */
} libraries[LIBRARIES_MAX];
static _Atomic unsigned n_libraries;

/* A library is known by the first of its functions. */
static const char *const first_name[] = {
	[TLS_OPENSSL] = "SSL_read",
	[TLS_GNUTLS] = "gnutls_record_recv",
};

static struct site *site_of(enum tls_library_kind kind, const void *caller)
{
	size_t at = (uintptr_t)caller >> 3;

	for (size_t i = 0; i < STEPS; i++) {
		struct site *site = &sites[kind][(at + i) % SITES];
		const void *found = atomic_load_explicit(&site->caller,
							 memory_order_relaxed);

		if (found == caller ||
		    (!found && atomic_compare_exchange_strong(&site->caller,
							      &found, caller)))
			return site;
	}
	return NULL;
}

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

	return dladdr(address, &one) && dladdr(is_ours, &other) &&
	       one.dli_fbase == other.dli_fbase;
}

struct search {
	const char *name;
	void *found;
};

static int look_into(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *search = context;
	struct module module;

	(void)size;
	uint32_t n = module_read(&module, info)
			     ? module_find(&module, search->name)
			     : 0;
	if (n && !module_has(&module, tls_library_of))
		search->found =
			(void *)(module.base + module.symbols[n].st_value);
	return search->found != NULL;
}

/* As the linker would have found it, were the hooks not there: in the caller's own
 * scope, in that of all, and, where a caller of the caller's counts, anywhere. */
static void *find_first(const char *name, const void *caller)
{
	struct search search = { .name = name };
	void *scope = object_at(caller, 0), *found = NULL;

	if (scope) {
		found = dlsym(scope, name);
		dlclose(scope);
	}
	if (found && !is_ours(found))
		return found;
	found = dlsym(RTLD_NEXT, name);
	if (found)
		return found;
	dl_iterate_phdr(look_into, &search);
	return search.found;
}

static void fill(struct tls_library *library, void *handle)
{
	const struct {
		const char *name;
		void **slot;
	} all[] = {
#define TLS_CALL(of, name, result, arguments) \
	{ #name, (void **)&library->name },
#define TLS_ASK(of, name, result, arguments) { #name, (void **)&library->name },
#include "shim/hook/tls_calls.h"
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		void *found = dlsym(handle, all[i].name);

		*all[i].slot = found && !is_ours(found) ? found : NULL;
	}
}

static const struct tls_library *find_library(const void *first)
{
	for (size_t i = 0; i < LIBRARIES_MAX; i++)
		if (atomic_load_explicit(&libraries[i].first,
					 memory_order_acquire) == first)
			return &libraries[i].library;
	return NULL;
}

/* The library that has this function. It is not to be unloaded any more, as other
 * threads may be on their way into it. */
static const struct tls_library *library_with(void *first)
{
	static _Thread_local struct tls_library spare;
	const struct tls_library *known = find_library(first);
	void *handle = known ? NULL : object_at(first, RTLD_NODELETE);

	if (!handle)
		return known;
	unsigned n = atomic_load(&n_libraries);
	while (n < LIBRARIES_MAX &&
	       !atomic_compare_exchange_weak(&n_libraries, &n, n + 1))
		;
	if (n == LIBRARIES_MAX) {
		fill(&spare, handle);
		return &spare;
	}
	fill(&libraries[n].library, handle);
	atomic_store(&libraries[n].first, first);
	return &libraries[n].library;
}

static const struct tls_library *look_up(enum tls_library_kind kind,
					 const void *caller)
{
	int saved = errno;
	void *first = find_first(first_name[kind], caller);
	const struct tls_library *library = first ? library_with(first) : NULL;

	dlerror(); /* the host's next call of it is not to tell of ours */
	errno = saved;
	return library;
}

static bool is_kept(const struct tls_library *library)
{
	const char *at = (const char *)library;

	return at >= (const char *)libraries &&
	       at < (const char *)(libraries + LIBRARIES_MAX);
}

const struct tls_library *tls_library_of(enum tls_library_kind kind,
					 const void *caller)
{
	struct site *site = site_of(kind, caller);
	const struct tls_library *library =
		site ? atomic_load_explicit(&site->library,
					    memory_order_acquire)
		     : NULL;

	if (library)
		return library;
	library = look_up(kind, caller);
	if (site && library && is_kept(library))
		atomic_store_explicit(&site->library, library,
				      memory_order_release);
	return library;
}
