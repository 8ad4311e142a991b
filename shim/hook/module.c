/* SPDX-License-Identifier: Apache-2.0
 *
 * What the dynamic section of a module says: ELF, gABI 4.1 chapter 5.
 */
#include "shim/hook/module.h"

#include <string.h>

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
	case DT_VERSYM:
		module->versions = pointer(module, dyn);
		break;
	case DT_VERNEED:
		module->needed = pointer(module, dyn);
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

static const void *behind(const void *entry, size_t octets)
{
	return (const char *)entry + octets;
}

static const char *version_name(const struct module *module, ElfW(Half) version)
{
	const ElfW(Verneed) *from = module->needed;

	while (from) {
		const ElfW(Vernaux) *one = behind(from, from->vn_aux);

		for (unsigned i = 0; i < from->vn_cnt; i++) {
			if (one->vna_other == version)
				return module->strings + one->vna_name;
			one = behind(one, one->vna_next);
		}
		from = from->vn_next ? behind(from, from->vn_next) : NULL;
	}
	return NULL;
}

/* What it asks others for comes before what others can find. */
const char *module_version(const struct module *module, const char *name)
{
	const uint32_t *gnu = module->gnu_hash;
	uint32_t count = gnu ? gnu[1] : module->hash ? module->hash[1] : 0;

	for (uint32_t n = 1; module->versions && n < count; n++)
		if (!strcmp(module->strings + module->symbols[n].st_name, name))
			return version_name(module,
					    module->versions[n] & 0x7fff);
	return NULL;
}
