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

/* A module, as it lies in memory. */
struct image {
	ElfW(Addr) base, begin, end;
	const ElfW(Phdr) * segments, *relro;
	size_t n_segments;
	const char *strings;
	const ElfW(Sym) * symbols;
	const uint32_t *hash, *gnu_hash;
	const ElfW(Rela) * relocations[2];   /* of the PLT, others */
	size_t n_relocations[2], n_relative; /* the first of the others */
};

/* The dynamic linker has added the base, but not to the kernel's image. */
static const void *pointer(const struct image *image, const ElfW(Dyn) * dyn)
{
	ElfW(Addr) address = dyn->d_un.d_ptr;

	return (const void *)(address < image->base ? image->base + address
						    : address);
}

static void read_entry(struct image *image, const ElfW(Dyn) * dyn)
{
	switch (dyn->d_tag) {
	case DT_STRTAB:
		image->strings = pointer(image, dyn);
		break;
	case DT_SYMTAB:
		image->symbols = pointer(image, dyn);
		break;
	case DT_HASH:
		image->hash = pointer(image, dyn);
		break;
	case DT_GNU_HASH:
		image->gnu_hash = pointer(image, dyn);
		break;
	case DT_JMPREL:
		image->relocations[0] = pointer(image, dyn);
		break;
	case DT_PLTRELSZ:
		image->n_relocations[0] = dyn->d_un.d_val / sizeof(ElfW(Rela));
		break;
	case DT_RELA:
		image->relocations[1] = pointer(image, dyn);
		break;
	case DT_RELACOUNT:
		image->n_relative = dyn->d_un.d_val;
		break;
	case DT_RELASZ:
		image->n_relocations[1] = dyn->d_un.d_val / sizeof(ElfW(Rela));
		break;
	}
}

static bool read_image(struct image *image, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *dyn = NULL;

	*image = (struct image){
		.base = info->dlpi_addr,
		.begin = UINTPTR_MAX,
		.segments = info->dlpi_phdr,
		.n_segments = info->dlpi_phnum,
	};
	for (size_t i = 0; i < image->n_segments; i++) {
		const ElfW(Phdr) *phdr = &image->segments[i];
		ElfW(Addr) begin = image->base + phdr->p_vaddr;

		if (phdr->p_type == PT_DYNAMIC)
			dyn = (const void *)begin;
		if (phdr->p_type == PT_GNU_RELRO)
			image->relro = phdr;
		if (phdr->p_type != PT_LOAD)
			continue;
		if (begin < image->begin)
			image->begin = begin;
		if (begin + phdr->p_memsz > image->end)
			image->end = begin + phdr->p_memsz;
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++)
		read_entry(image, dyn);
	return image->symbols && image->strings;
}

static bool lies_in(const struct image *image, const void *address)
{
	return (ElfW(Addr))address >= image->begin &&
	       (ElfW(Addr))address < image->end;
}

static bool is_definition(const struct image *image, uint32_t n,
			  const char *name)
{
	const ElfW(Sym) *symbol = &image->symbols[n];

	return symbol->st_shndx != SHN_UNDEF &&
	       !strcmp(image->strings + symbol->st_name, name);
}

/* DT_GNU_HASH: four words, a filter, the buckets, and a chain for the symbols
 * that can be found, in which the lowest bit ends a bucket. Returns a symbol's
 * number, or 0. */
static uint32_t find_by_hash(const struct image *image, const char *name)
{
	const uint32_t *hash = image->gnu_hash;
	const uint32_t *buckets =
		(const void *)((const ElfW(Addr) *)(hash + 4) + hash[2]);
	const uint32_t *chain = buckets + hash[0];
	uint32_t value = 5381, n;

	for (const char *c = name; *c; c++)
		value = value * 33 + (unsigned char)*c;
	n = hash[0] ? buckets[value % hash[0]] : 0;
	if (n < hash[1])
		return 0;
	do {
		if (is_definition(image, n, name))
			return n;
	} while (!(chain[n++ - hash[1]] & 1));
	return 0;
}

static uint32_t find(const struct image *image, const char *name)
{
	if (image->gnu_hash)
		return find_by_hash(image, name);
	for (uint32_t n = 1; image->hash && n < image->hash[1]; n++)
		if (is_definition(image, n, name))
			return n;
	return 0;
}

/* The hooks are what this library defines, whoever stands before it. */
static int find_definitions(struct dl_phdr_info *info, size_t size,
			    void *context)
{
	struct bindings *bindings = context;
	struct image image;

	(void)size;
	if (!read_image(&image, info))
		return 0;
	for (size_t i = 0; i < bindings->n; i++) {
		struct binding *one = &bindings->all[i];
		uint32_t n = find(&image, one->name);

		if (n && lies_in(&image, dl_attend))
			one->hook = (void *)(image.base +
					     image.symbols[n].st_value);
		else if (n && !lies_in(&image, one->real))
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
static bool protect(const struct image *image, ElfW(Addr) at, int protection)
{
	const ElfW(Addr) page = ~(ElfW(Addr))(sysconf(_SC_PAGESIZE) - 1);
	ElfW(Addr) begin, end;

	if (!image->relro)
		return true;
	begin = (image->base + image->relro->p_vaddr) & page;
	end = (image->base + image->relro->p_vaddr + image->relro->p_memsz) &
	      page;
	return at < begin || at >= end ||
	       !mprotect((void *)begin, end - begin, protection);
}

static void bind_entry(const struct bindings *bindings,
		       const struct image *image, const ElfW(Rela) * relocation)
{
	const ElfW(Sym) *symbol =
		&image->symbols[ELF64_R_SYM(relocation->r_info)];
	unsigned type = ELF64_R_TYPE(relocation->r_info);
	ElfW(Addr) at = image->base + relocation->r_offset;
	void *_Atomic *entry = (void *_Atomic *)at;
	void *value, *hook;

	if ((type != RELOCATION_SLOT && type != RELOCATION_DATA &&
	     type != RELOCATION_WORD) ||
	    symbol->st_shndx != SHN_UNDEF)
		return;
	value = atomic_load_explicit(entry, memory_order_relaxed);
	hook = wanted(bindings, image->strings + symbol->st_name, value,
		      type == RELOCATION_SLOT && lies_in(image, value));
	if (!hook || !protect(image, at, PROT_READ | PROT_WRITE))
		return;
	/* Another thread may be calling through it. */
	atomic_store_explicit(entry, hook, memory_order_relaxed);
	protect(image, at, PROT_READ);
}

static void bind_entries(const struct bindings *bindings,
			 const struct image *image)
{
	for (size_t i = 0; i < image->n_relocations[0]; i++)
		bind_entry(bindings, image, &image->relocations[0][i]);
	for (size_t i = image->n_relative; i < image->n_relocations[1]; i++)
		bind_entry(bindings, image, &image->relocations[1][i]);
}

static int bind_image(struct dl_phdr_info *info, size_t size, void *context)
{
	struct bindings *bindings = context;
	struct image image;

	(void)size;
	/* Nothing is added as long as this function runs, but may have been
	 * shortly before. */
	if (atomic_load(&deep))
		return 1;
	if (bindings->images++ < bound.images &&
	    bound.unloaded == info->dlpi_subs)
		return 0;
	if (read_image(&image, info))
		bind_entries(bindings, &image);
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
