/* SPDX-License-Identifier: Apache-2.0
 *
 * Larger memory that holds what was seen of messages: zeroed, touched as it is
 * used, in no forked child and in no core dump.
 */
#pragma once

#include <stddef.h>
#include <sys/mman.h>

/* Returns NULL if the kernel refuses. Shared, because RLIMIT_DATA bounds private
 * memory, and tinydns runs under one of a few megabytes. */
static inline void *map_new(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, size, MADV_DONTFORK);
	madvise(memory, size, MADV_DONTDUMP);
	return memory;
}

static inline void map_free(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}
