/* SPDX-License-Identifier: Apache-2.0
 *
 * A sequence lock.
 */
#include "shim/base/published.h"

#include <string.h>

static size_t part(size_t size, size_t at)
{
	return size - at < sizeof(uint64_t) ? size - at : sizeof(uint64_t);
}

void published_write(struct published *published, _Atomic uint64_t *words,
		     const void *from, size_t size)
{
	uint64_t sequence = atomic_load_explicit(&published->sequence,
						 memory_order_relaxed);

	atomic_store_explicit(&published->sequence, sequence + 1,
			      memory_order_relaxed);
	/* Who reads one of the words below finds the sequence odd or changed. */
	atomic_thread_fence(memory_order_release);
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = 0;

		memcpy(&word, (const char *)from + at, part(size, at));
		atomic_store_explicit(words++, word, memory_order_relaxed);
	}
	atomic_store_explicit(&published->sequence, sequence + 2,
			      memory_order_release);
}

void published_read(struct published *published, _Atomic uint64_t *words,
		    void *to, size_t size)
{
	uint64_t before, after;

	do {
		before = atomic_load_explicit(&published->sequence,
					      memory_order_acquire);
		for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
			uint64_t word =
				atomic_load_explicit(&words[at / sizeof(word)],
						     memory_order_relaxed);

			memcpy((char *)to + at, &word, part(size, at));
		}
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&published->sequence,
					     memory_order_relaxed);
	} while (before % 2 || before != after);
}
