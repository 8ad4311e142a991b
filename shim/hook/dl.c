/* SPDX-License-Identifier: Apache-2.0
 *
 * What dlopen(3) and dlsym(3) are preceded by.
 *
 * dl_iterate_phdr(3) keeps the modules from being unloaded meanwhile. Within it
 * nothing else of the dynamic linker's may be called: locks are taken in the
 * other order there.
 */
#include "shim/hook/dl.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/hook/libc.h"
#include "shim/hook/module.h"
#include "shim/hook/real.h"
#include "shim/hook/tls_library.h"

/* A sanitizer looks names up before it is ready for what it has instrumented. */
#define EARLY __attribute__((no_sanitize("address", "thread", "undefined")))

/* What this thread has loaded since it last looked up a symbol. entry.S reads it. */
_Thread_local uint8_t dl_loaded;

#define ANYTHING 1
#define DEEP     2 /* with RTLD_DEEPBIND */

/* How many threads have, and some of them with RTLD_DEEPBIND. What they load may still
 * be written to by the dynamic linker, so the last one to look up a symbol binds it
 * all. */
static _Atomic unsigned loading, deep;

static _Atomic bool active;

/* A hooked name. */
struct binding {
	const char *name;
	void *real, *hook;
	bool contested; /* a module that is neither libc nor ours defines it */
};

enum {
#define CALL(name, number, arguments, way) NAME_##name,
#define LATE(name)                         NAME_##name,
#define KIN(name, of)                      NAME_##name,
#include "shim/hook/calls.h"
	NAMES
};

struct bindings {
	struct binding all[NAMES];
	size_t n;
	size_t images; /* gone by */
};

/* The modules that need not be looked at again: so many at the beginning, unless
 * one was unloaded. In the dynamic linker's lock. */
static struct {
	size_t images;
	unsigned long long unloaded;
} bound;

/* The hooks are what this library defines, whoever stands before it. */
static int find_definitions(struct dl_phdr_info *info, size_t size,
			    void *context)
{
	struct bindings *bindings = context;
	struct module module;

	(void)size;
	if (!module_read(&module, info))
		return 0;
	for (size_t i = 0; i < bindings->n; i++) {
		struct binding *one = &bindings->all[i];
		uint32_t n = module_find(&module, one->name);

		if (n && module_has(&module, dl_attend))
			one->hook = (void *)(module.base +
					     module.symbols[n].st_value);
		else if (n && !module_has(&module, one->real))
			one->contested = true;
	}
	return 0;
}

static void *wanted(const void *context, const char *name, const void *value,
		    bool unbound)
{
	const struct bindings *bindings = context;

	for (size_t i = 0; i < bindings->n; i++) {
		const struct binding *one = &bindings->all[i];

		if (unbound ? one->contested : value != one->real)
			continue;
		if (one->real && !strcmp(one->name, name))
			return one->hook;
	}
	return NULL;
}

static int bind_image(struct dl_phdr_info *info, size_t size, void *context)
{
	struct bindings *bindings = context;
	struct module module;

	(void)size;
	/* Nothing is added as long as this function runs, but may have been
	 * shortly before. */
	if (atomic_load(&deep))
		return 1;
	if (bindings->images++ < bound.images &&
	    bound.unloaded == info->dlpi_subs)
		return 0;
	if (module_read(&module, info))
		module_bind(&module, wanted, bindings);
	bound.images = bindings->images;
	bound.unloaded = info->dlpi_subs;
	return 0;
}

static void bind_all(void)
{
	struct bindings bindings = {
		.n = NAMES,
		.all = {
#define CALL(name, number, arguments, way) { #name, dlsym(RTLD_NEXT, #name) },
#define LATE(name)                         { #name, dlsym(RTLD_NEXT, #name) },
#define KIN(name, of)                      { #name, dlsym(RTLD_NEXT, #name) },
#include "shim/hook/calls.h"
		},
	};

	dl_iterate_phdr(find_definitions, &bindings);
	dl_iterate_phdr(bind_image, &bindings);
}

/* Another preloaded library may define them behind this one. */
EARLY static void find_real(void)
{
	real.dlopen = (typeof(dlopen) *)libc_dl("dlopen");
	real.dlsym = (typeof(dlsym) *)libc_dl("dlsym");
}

void dl_begin(void)
{
	tls_library_bind();
	atomic_store(&active, true);
}

EARLY static void note_load(int flags)
{
	if (!dl_loaded)
		atomic_fetch_add(&loading, 1);
	if (flags & RTLD_DEEPBIND && !(dl_loaded & DEEP))
		atomic_fetch_add(&deep, 1);
	dl_loaded |= ANYTHING | (flags & RTLD_DEEPBIND ? DEEP : 0);
}

EARLY void dl_attend(int flags)
{
	int saved = errno;

	if (!real.dlopen || !real.dlsym)
		find_real();
	uint8_t loaded = dl_loaded;
	if (loaded && atomic_load(&active)) {
		dl_loaded = 0; /* before what looks names up itself */
		if (loaded & DEEP && atomic_fetch_sub(&deep, 1) == 1)
			bind_all();
		if (atomic_fetch_sub(&loading, 1) == 1)
			tls_library_bind();
	}
	if (flags)
		note_load(flags);
	errno = saved;
}
