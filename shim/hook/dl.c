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

#include "shim/hook/module.h"
#include "shim/hook/real.h"

#if defined(__x86_64__)
#define RELOCATION_SLOT R_X86_64_JUMP_SLOT
#define RELOCATION_DATA R_X86_64_GLOB_DAT
#define RELOCATION_WORD R_X86_64_64
#define DLSYM_VERSION   "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define RELOCATION_SLOT R_AARCH64_JUMP_SLOT
#define RELOCATION_DATA R_AARCH64_GLOB_DAT
#define RELOCATION_WORD R_AARCH64_ABS64
#define DLSYM_VERSION   "GLIBC_2.17"
#endif

/* A sanitizer looks names up before it is ready for what it has instrumented. */
#define EARLY __attribute__((no_sanitize("address", "thread", "undefined")))

_Static_assert(RTLD_DEEPBIND == 1 << DL_DEEPBIND_BIT, "the entry tests a bit");

/* This thread has loaded something with RTLD_DEEPBIND. entry.S reads it. */
_Thread_local bool dl_deep;

/* How many threads have. What they load may still be written to by the dynamic
 * linker, so the last one to look up a symbol binds it all. */
static _Atomic unsigned deep;

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

/* What an entry that holds `value` should hold, or NULL. unbound: the name is
 * yet to be looked up. */
static void *wanted(const struct bindings *bindings, const char *name,
		    const void *value, bool unbound)
{
	for (size_t i = 0; i < bindings->n; i++) {
		const struct binding *one = &bindings->all[i];

		if (unbound ? one->contested : value != one->real)
			continue;
		if (one->real && !strcmp(one->name, name))
			return one->hook;
	}
	return NULL;
}

/* The pages that the dynamic linker has made read-only, if this is in one. */
static bool protect(const struct module *module, ElfW(Addr) at, int protection)
{
	const ElfW(Addr) page = ~(ElfW(Addr))(sysconf(_SC_PAGESIZE) - 1);
	ElfW(Addr) begin, end;

	if (!module->relro)
		return true;
	begin = (module->base + module->relro->p_vaddr) & page;
	end = (module->base + module->relro->p_vaddr + module->relro->p_memsz) &
	      page;
	return at < begin || at >= end ||
	       !mprotect((void *)begin, end - begin, protection);
}

static void bind_entry(const struct bindings *bindings,
		       const struct module *module,
		       const ElfW(Rela) * relocation)
{
	const ElfW(Sym) *symbol =
		&module->symbols[ELF64_R_SYM(relocation->r_info)];
	unsigned type = ELF64_R_TYPE(relocation->r_info);
	ElfW(Addr) at = module->base + relocation->r_offset;
	void *_Atomic *entry = (void *_Atomic *)at;
	void *value, *hook;

	if ((type != RELOCATION_SLOT && type != RELOCATION_DATA &&
	     type != RELOCATION_WORD) ||
	    symbol->st_shndx != SHN_UNDEF)
		return;
	value = atomic_load_explicit(entry, memory_order_relaxed);
	hook = wanted(bindings, module->strings + symbol->st_name, value,
		      type == RELOCATION_SLOT && module_has(module, value));
	if (!hook || !protect(module, at, PROT_READ | PROT_WRITE))
		return;
	/* Another thread may be calling through it. */
	atomic_store_explicit(entry, hook, memory_order_relaxed);
	protect(module, at, PROT_READ);
}

static void bind_entries(const struct bindings *bindings,
			 const struct module *module)
{
	for (size_t i = 0; i < module->n_relocations[0]; i++)
		bind_entry(bindings, module, &module->relocations[0][i]);
	for (size_t i = module->n_relative; i < module->n_relocations[1]; i++)
		bind_entry(bindings, module, &module->relocations[1][i]);
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
		bind_entries(bindings, &module);
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
	real.dlopen =
		(typeof(dlopen) *)dlvsym(RTLD_NEXT, "dlopen", DLSYM_VERSION);
	real.dlsym = (typeof(dlsym) *)dlvsym(RTLD_NEXT, "dlsym", DLSYM_VERSION);
}

void dl_begin(void)
{
	atomic_store(&active, true);
}

EARLY void dl_attend(int flags)
{
	int saved = errno;

	if (!real.dlopen || !real.dlsym)
		find_real();
	if (dl_deep && atomic_load(&active)) {
		dl_deep = false; /* before what looks names up itself */
		if (atomic_fetch_sub(&deep, 1) == 1)
			bind_all();
	}
	if (flags & RTLD_DEEPBIND && !dl_deep) {
		dl_deep = true;
		atomic_fetch_add(&deep, 1);
	}
	errno = saved;
}
