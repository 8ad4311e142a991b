/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the dynamic linker finds a library: the directories that the file or
 * the environment names, the linker's cache, and its default directories.
 */
#pragma once

#include "cli/inspect/elf.h"

/* The octets of the file; none: an empty one. */
struct ldcache {
	const char *data;
	size_t size;
};

/* Reads /etc/ld.so.cache. Returns NULL when out of memory; a missing cache is
 * an empty one. */
struct ldcache *ldcache_open(void);
void ldcache_close(struct ldcache *cache);

/* The path of the next entry for `name`, from the *n-th on; NULL behind the
 * last. *n moves behind it. Safe for any octets. */
const char *ldcache_next(const struct ldcache *cache, const char *name,
			 uint32_t *n);

/* The path (release with free) of the library `name` as `needed_by`, which
 * lies at `path`, gets it; NULL if it is not found. */
char *ldcache_find(const struct ldcache *cache, const char *name,
		   const struct elf *needed_by, const char *path);

/* The same by musl's loader, which lies at `loader`, and is libc itself. */
char *ldcache_find_musl(const char *loader, const char *name,
			const struct elf *needed_by, const char *path);
