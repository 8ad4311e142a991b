/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules of the process as they lie in memory, for where dlsym(3) does not serve:
 * within dl_iterate_phdr(3), which keeps them from being unloaded, nothing else of the
 * dynamic linker's may be called, as locks are taken in the other order there.
 */
#pragma once

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A module, as it lies in memory. */
struct module {
	ElfW(Addr) base, begin, end;
	const ElfW(Phdr) * segments, *relro;
	size_t n_segments;
	const char *strings;
	const ElfW(Sym) * symbols;
	const uint32_t *hash, *gnu_hash;
	const ElfW(Rela) * relocations[2];   /* of the PLT, others */
	size_t n_relocations[2], n_relative; /* the first of the others */
};

/* Returns false for what has no symbols. */
bool module_read(struct module *module, const struct dl_phdr_info *info);

/* Whether the address lies in it. */
bool module_has(const struct module *module, const void *address);

/* Returns the number of the symbol by which it defines the name, or 0. */
uint32_t module_find(const struct module *module, const char *name);

/* What an entry of the global offset table that holds `value` should hold, or NULL.
 * unbound: its name is yet to be looked up. */
typedef void *module_wanted(const void *context, const char *name,
			    const void *value, bool unbound);

/* Has every entry for a name that the module asks others for hold what is wanted. No
 * other thread is to load it at this time. */
void module_bind(const struct module *module, module_wanted *wanted,
		 const void *context);
