/* SPDX-License-Identifier: Apache-2.0
 *
 * Free blocks form a stack; its head carries a tag that changes with every
 * exchange, so that a block which went and came back is noticed.
 */
#include "shim/capture/blocks.h"

#include <sys/mman.h>

#include "shim/base/sandbox.h"

static uint8_t *map_slab(size_t size)
{
	void *slab = sandbox_spares(sandbox_mapping)
			     ? mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
			     : MAP_FAILED;

	if (slab == MAP_FAILED)
		return NULL;
	madvise(slab, size, MADV_DONTDUMP);
	return slab;
}

/* Maps the slab if need be. Returns false if the kernel refuses. */
static bool provide(struct blocks *blocks, uint32_t number)
{
	size_t size = blocks->size << blocks->slab;
	uint8_t *_Atomic *slot = &blocks->slabs[(number - 1) >> blocks->slab];
	uint8_t *slab = atomic_load_explicit(slot, memory_order_acquire);

	if (slab)
		return true;
	uint8_t *made = map_slab(size);
	if (made && !atomic_compare_exchange_strong(slot, &slab, made))
		munmap(made, size); /* another thread's is there */
	return made;
}

/* The head that follows `head` with `number` on top. */
static uint64_t retagged(uint64_t head, uint32_t number)
{
	return ((head >> 32) + 1) << 32 | number;
}

void blocks_give(struct blocks *blocks, uint32_t number)
{
	uint64_t head = atomic_load(&blocks->free);

	do
		atomic_store(&blocks->next[number - 1], (uint32_t)head);
	while (!atomic_compare_exchange_weak(&blocks->free, &head,
					     retagged(head, number)));
}

/* Returns a number, or 0. */
static uint32_t take_free(struct blocks *blocks)
{
	uint64_t head = atomic_load(&blocks->free);
	uint32_t number;

	do {
		number = (uint32_t)head;
		if (!number)
			return 0;
	} while (!atomic_compare_exchange_weak(
		&blocks->free, &head,
		retagged(head, atomic_load(&blocks->next[number - 1]))));
	return number;
}

static uint32_t take_unused(struct blocks *blocks)
{
	uint32_t used = atomic_load(&blocks->used);

	do {
		if (used == blocks->limit)
			return 0;
	} while (!atomic_compare_exchange_weak(&blocks->used, &used, used + 1));
	return used + 1;
}

uint32_t blocks_take(struct blocks *blocks)
{
	uint32_t number = take_free(blocks);

	if (!number)
		number = take_unused(blocks);
	if (number && !provide(blocks, number)) {
		blocks_give(blocks, number);
		return 0;
	}
	return number;
}
