/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of one size, as many as there is need of up to a limit, in slabs that are
 * mapped when first needed: lock-free, never malloc. Private, so that a forked
 * child goes on with a copy of its own; not in core dumps. Async-signal-safe.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct blocks {
	size_t size;    /* of a block */
	uint32_t limit; /* blocks */
	unsigned slab;  /* blocks that are mapped at once: 1 << slab */
	_Atomic uint64_t
		free; /* tag in the upper half, a number in the lower */
	_Atomic uint32_t used; /* blocks that have ever been taken */
	uint8_t *_Atomic *slabs;
	_Atomic uint32_t *next; /* number, of a free block */
};

/* For a static one. */
#define BLOCKS(size_, limit_, slab_)                                       \
	{                                                                  \
		.size = (size_), .limit = (limit_), .slab = (slab_),       \
		.slabs = (uint8_t * _Atomic[((limit_) >> (slab_)) + 1]){}, \
		.next = (_Atomic uint32_t[limit_]){},                      \
	}

/* Returns a block's number, from 1 up to the limit; 0 if there is none. What was
 * in it when it was given back is in it still, or zeroes. */
uint32_t blocks_take(struct blocks *blocks);
void blocks_give(struct blocks *blocks, uint32_t number);

/* Where a block lies that has been taken. */
static inline uint8_t *blocks_memory(const struct blocks *blocks,
				     uint32_t number)
{
	uint32_t index = number - 1, mask = (1u << blocks->slab) - 1;

	return atomic_load_explicit(&blocks->slabs[index >> blocks->slab],
				    memory_order_acquire) +
	       (index & mask) * blocks->size;
}
