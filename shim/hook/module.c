/* SPDX-License-Identifier: Apache-2.0
 *
 * What the dynamic section of a module says: ELF, gABI 4.1 chapter 5.
 */
#include "shim/hook/module.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/sandbox.h"

#if defined(__x86_64__)
#define RELOCATION_SLOT R_X86_64_JUMP_SLOT
#define RELOCATION_DATA R_X86_64_GLOB_DAT
#define RELOCATION_WORD R_X86_64_64
#elif defined(__aarch64__)
#define RELOCATION_SLOT R_AARCH64_JUMP_SLOT
#define RELOCATION_DATA R_AARCH64_GLOB_DAT
#define RELOCATION_WORD R_AARCH64_ABS64
#endif

/* The dynamic linker has added the base, but not to the kernel's module. */
static const void *pointer(const struct module *module, const ElfW(Dyn) * dyn)
{
	ElfW(Addr) address = dyn->d_un.d_ptr;

	return (const void *)(address < module->base ? module->base + address
						     : address);
}

static void read_entry(struct module *module, const ElfW(Dyn) * dyn)
{
	switch (dyn->d_tag) {
	case DT_STRTAB:
		module->strings = pointer(module, dyn);
		break;
	case DT_SYMTAB:
		module->symbols = pointer(module, dyn);
		break;
	case DT_HASH:
		module->hash = pointer(module, dyn);
		break;
	case DT_GNU_HASH:
		module->gnu_hash = pointer(module, dyn);
		break;
	case DT_JMPREL:
		module->relocations[0] = pointer(module, dyn);
		break;
	case DT_PLTRELSZ:
		module->n_relocations[0] = dyn->d_un.d_val / sizeof(ElfW(Rela));
		break;
	case DT_RELA:
		module->relocations[1] = pointer(module, dyn);
		break;
	case DT_RELACOUNT:
		module->n_relative = dyn->d_un.d_val;
		break;
	case DT_RELASZ:
		module->n_relocations[1] = dyn->d_un.d_val / sizeof(ElfW(Rela));
		break;
	}
}

bool module_read(struct module *module, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *dyn = NULL;

	*module = (struct module){
		.base = info->dlpi_addr,
		.begin = UINTPTR_MAX,
		.segments = info->dlpi_phdr,
		.n_segments = info->dlpi_phnum,
	};
	for (size_t i = 0; i < module->n_segments; i++) {
		const ElfW(Phdr) *phdr = &module->segments[i];
		ElfW(Addr) begin = module->base + phdr->p_vaddr;

		if (phdr->p_type == PT_DYNAMIC)
			dyn = (const void *)begin;
		if (phdr->p_type == PT_GNU_RELRO)
			module->relro = phdr;
		if (phdr->p_type != PT_LOAD)
			continue;
		if (begin < module->begin)
			module->begin = begin;
		if (begin + phdr->p_memsz > module->end)
			module->end = begin + phdr->p_memsz;
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++)
		read_entry(module, dyn);
	return module->symbols && module->strings;
}

bool module_has(const struct module *module, const void *address)
{
	return (ElfW(Addr))address >= module->begin &&
	       (ElfW(Addr))address < module->end;
}

static bool is_definition(const struct module *module, uint32_t n,
			  const char *name)
{
	const ElfW(Sym) *symbol = &module->symbols[n];

	return symbol->st_shndx != SHN_UNDEF &&
	       !strcmp(module->strings + symbol->st_name, name);
}

/* DT_GNU_HASH: four words, a filter, the buckets, and a chain for the symbols
 * that can be found, in which the lowest bit ends a bucket. Returns a symbol's
 * number, or 0. */
static uint32_t find_by_hash(const struct module *module, const char *name)
{
	const uint32_t *hash = module->gnu_hash;
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
		if (is_definition(module, n, name))
			return n;
	} while (!(chain[n++ - hash[1]] & 1));
	return 0;
}

uint32_t module_find(const struct module *module, const char *name)
{
	if (module->gnu_hash)
		return find_by_hash(module, name);
	for (uint32_t n = 1; module->hash && n < module->hash[1]; n++)
		if (is_definition(module, n, name))
			return n;
	return 0;
}

/* Does it lie in the pages that the dynamic linker makes read-only in the end? */
static bool is_relro(const struct module *module, ElfW(Addr) at)
{
	const ElfW(Addr) page = ~(ElfW(Addr))(sysconf(_SC_PAGESIZE) - 1);
	ElfW(Addr) begin, end;

	if (!module->relro)
		return false;
	begin = (module->base + module->relro->p_vaddr) & page;
	end = (module->base + module->relro->p_vaddr + module->relro->p_memsz) &
	      page;
	return at >= begin && at < end;
}

static bool allows(int number, uint64_t second, uint64_t third)
{
	struct sandbox_call call = { number, { 0, second, third } };

	return sandbox_asks(&call) == SANDBOX_ALLOWED;
}

/* To add nothing to a word changes nothing, and fails where nobody may write. Nobody
 * waits for either word, so nobody is woken: futex(2). */
static bool is_read_only(ElfW(Addr) at)
{
	const int nothing = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);
	uint32_t other = 0;
	int saved = errno;
	bool fails = !allows(SYS_futex, FUTEX_WAKE_OP_PRIVATE, 0) ||
		     syscall(SYS_futex, &other, FUTEX_WAKE_OP_PRIVATE, 0, 0, at,
			     nothing) < 0;

	errno = saved;
	return fails;
}

/* Only what was read-only becomes so again: the dynamic linker may be writing to the
 * page still, in another thread for which libc loads a module. */
static void store(const struct module *module, ElfW(Addr) at, void *value)
{
	const int writable = PROT_READ | PROT_WRITE;
	size_t size = sysconf(_SC_PAGESIZE);
	void *page = (void *)(at & -size);
	bool closed = is_relro(module, at) && is_read_only(at);

	if (closed && (!allows(SYS_mprotect, size, writable) ||
		       mprotect(page, size, writable)))
		return;
	/* Another thread may be calling through it. */
	atomic_store_explicit((void *_Atomic *)at, value, memory_order_relaxed);
	if (closed)
		mprotect(page, size, PROT_READ);
}

static void bind_entry(const struct module *module,
		       const ElfW(Rela) * relocation, module_wanted *wanted,
		       const void *context)
{
	const ElfW(Sym) *symbol =
		&module->symbols[ELF64_R_SYM(relocation->r_info)];
	unsigned type = ELF64_R_TYPE(relocation->r_info);
	ElfW(Addr) at = module->base + relocation->r_offset;
	void *value, *hook;

	if ((type != RELOCATION_SLOT && type != RELOCATION_DATA &&
	     type != RELOCATION_WORD) ||
	    symbol->st_shndx != SHN_UNDEF)
		return;
	value = atomic_load_explicit((void *_Atomic *)at, memory_order_relaxed);
	hook = wanted(context, module->strings + symbol->st_name, value,
		      type == RELOCATION_SLOT && module_has(module, value));
	if (hook)
		store(module, at, hook);
}

void module_bind(const struct module *module, module_wanted *wanted,
		 const void *context)
{
	for (size_t i = 0; i < module->n_relocations[0]; i++)
		bind_entry(module, &module->relocations[0][i], wanted, context);
	for (size_t i = module->n_relative; i < module->n_relocations[1]; i++)
		bind_entry(module, &module->relocations[1][i], wanted, context);
}
