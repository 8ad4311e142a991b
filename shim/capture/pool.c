/* SPDX-License-Identifier: Apache-2.0
 *
 * Two classes of blocks, each in slabs that are mapped when first needed. A
 * class's free blocks form a stack; its head carries a tag that changes with
 * every exchange, so that a block which went and came back is noticed.
 */
#include "shim/capture/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "proto/common.h"
#include "shim/base/sandbox.h"

#define SLAB_SIZE   (256 * 1024)
#define SLABS_MAX   32 /* a class */
#define BLOCKS_MAX  8192
#define CLASS_SHIFT 16 /* a block's name: class, then number + 1 */
#define NUMBER_MASK 0xffff

static struct class
{
	size_t size;    /* of a block */
	uint32_t limit; /* blocks */
	_Atomic uint64_t
		free; /* tag in the upper half, number + 1 in the lower */
	_Atomic uint32_t used; /* blocks that have ever been taken */
	uint8_t *_Atomic slab[SLABS_MAX];
	_Atomic uint32_t next[BLOCKS_MAX]; /* number + 1, of a free block */
	uint32_t link[BLOCKS_MAX];         /* of a taken one */
} classes[] = {
	[POOL_SMALL] = { .size = POOL_SMALL_SIZE, .limit = 8192 },
	[POOL_LARGE] = { .size = POOL_LARGE_SIZE, .limit = 2048 },
};

#define CLASSES ARRAY_SIZE(classes)

_Static_assert(CLASSES << CLASS_SHIFT <= 1 << POOL_NAME_BITS, "names fit");

static uint8_t *map_slab(void)
{
	void *slab = sandbox_spares(sandbox_mapping)
			     ? mmap(NULL, SLAB_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
			     : MAP_FAILED;

	if (slab == MAP_FAILED)
		return NULL;
	madvise(slab, SLAB_SIZE, MADV_DONTDUMP);
	return slab;
}

/* Maps the slab if need be. Returns NULL if the kernel refuses. */
static uint8_t *address(struct class *class, uint32_t number)
{
	size_t offset = number * class->size;
	uint8_t *_Atomic *slot = &class->slab[offset / SLAB_SIZE];
	uint8_t *slab = atomic_load_explicit(slot, memory_order_acquire);

	if (!slab) {
		uint8_t *made = map_slab();
		if (!made)
			return NULL;
		if (atomic_compare_exchange_strong(slot, &slab, made))
			slab = made;
		else
			munmap(made, SLAB_SIZE); /* another thread's is there */
	}
	return slab + offset % SLAB_SIZE;
}

/* The head that follows `head` with `name` on top. */
static uint64_t retagged(uint64_t head, uint32_t name)
{
	return ((head >> 32) + 1) << 32 | name;
}

static void push(struct class *class, uint32_t name)
{
	uint64_t head = atomic_load(&class->free);

	do
		atomic_store(&class->next[name - 1], (uint32_t)head);
	while (!atomic_compare_exchange_weak(&class->free, &head,
					     retagged(head, name)));
}

/* Returns number + 1, or 0. */
static uint32_t pop(struct class *class)
{
	uint64_t head = atomic_load(&class->free);
	uint32_t name;

	do {
		name = (uint32_t)head;
		if (!name)
			return 0;
	} while (!atomic_compare_exchange_weak(
		&class->free, &head,
		retagged(head, atomic_load(&class->next[name - 1]))));
	return name;
}

static uint32_t take_unused(struct class *class)
{
	uint32_t used = atomic_load(&class->used);

	do {
		if (used == class->limit)
			return 0;
	} while (!atomic_compare_exchange_weak(&class->used, &used, used + 1));
	return used + 1;
}

pool_block pool_take(enum pool_class of)
{
	struct class *class = &classes[of];
	uint32_t name = pop(class);

	if (!name)
		name = take_unused(class);
	if (!name)
		return 0;
	if (!address(class, name - 1)) {
		push(class, name);
		return 0;
	}
	return of << CLASS_SHIFT | name;
}

static struct class *class_of(pool_block block)
{
	return &classes[block >> CLASS_SHIFT];
}

void pool_give(pool_block block)
{
	if (block)
		push(class_of(block), block & NUMBER_MASK);
}

uint8_t *pool_memory(pool_block block)
{
	return address(class_of(block), (block & NUMBER_MASK) - 1);
}

size_t pool_size(pool_block block)
{
	return class_of(block)->size;
}

uint32_t *pool_link(pool_block block)
{
	return &class_of(block)->link[(block & NUMBER_MASK) - 1];
}
