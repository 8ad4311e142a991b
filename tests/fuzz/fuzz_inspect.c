/* SPDX-License-Identifier: Apache-2.0
 *
 * What `inspect` reads: any octets as a program or library, or, where the first
 * octet is odd, as the dynamic linker's cache. Whatever is found in them is
 * text that ends within them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect/elf.h"
#include "cli/inspect/imports.h"
#include "cli/inspect/ldcache.h"
#include "proto/common.h"

static size_t sum;

/* The sanitizer sees a text that does not end. */
static void touch(const char *text)
{
	if (text)
		sum += strlen(text);
}

/* As inspect looks at them: there may be as many as there are octets. */
static void on_import(void *context, const char *name)
{
	(void)context;
	sum += imports_number(name);
}

static void on_binding(void *context, const char *name, uint64_t address)
{
	(void)context;
	sum += imports_number(name) + address;
}

static void fuzz_elf(const void *data, size_t size)
{
	struct elf elf;
	const char *name;

	if (elf_read(&elf, data, size))
		return;
	touch(elf.interpreter);
	touch(elf.soname);
	touch(elf.rpath);
	touch(elf.runpath);
	for (size_t n = 0; n < 64 && (name = elf_needed(&elf, n)); n++)
		touch(name);
	elf_imports(&elf, on_import, NULL);
	elf_bindings(&elf, on_binding, NULL);
	sum += elf_base(&elf);
}

static void fuzz_cache(const void *data, size_t size)
{
	static const char *const names[] = { "libc.so.6", "", "a" };
	const struct ldcache cache = { data, size };
	const char *path;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (uint32_t n = 0;
		     (path = ldcache_next(&cache, names[i], &n));)
			touch(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *copy;

	if (size < 1)
		return 0;
	/* Room for the octets alone, and as a file's are aligned. */
	copy = malloc(size - 1);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		fuzz_cache(copy, size - 1);
	else
		fuzz_elf(copy, size - 1);
	free(copy);
	return 0;
}
