/* SPDX-License-Identifier: Apache-2.0
 *
 * Three classes of blocks, each in slabs that are mapped when first needed. A
 * class's free blocks form a stack; its head carries a tag that changes with
 * every exchange, so that a block which went and came back is noticed.
 */
#include "shim/capture/pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>

#define SLAB_SIZE   (256 * 1024)
#define SLABS_MAX   16 /* a class */
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
	_Atomic uint32_t next[BLOCKS_MAX]; /* number + 1 */
} classes[] = {
	{ .size = 512, .limit = 8192 },
	{ .size = 4096, .limit = 1024 },
	{ .size = 65536, .limit = 64 },
};

#define CLASSES (sizeof(classes) / sizeof(*classes))

/* Maps the slab if need be. Returns NULL if the kernel refuses. */
static uint8_t *address(struct class *class, uint32_t number)
{
	size_t offset = number * class->size;
	uint8_t *_Atomic *slot = &class->slab[offset / SLAB_SIZE];
	uint8_t *slab = atomic_load_explicit(slot, memory_order_acquire);

	if (!slab) {
		uint8_t *made = mmap(NULL, SLAB_SIZE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (made == MAP_FAILED)
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

pool_block pool_take(size_t size)
{
	for (uint32_t i = 0; i < CLASSES; i++) {
		struct class *class = &classes[i];

		if (class->size < size)
			continue;
		uint32_t name = pop(class);
		if (!name)
			name = take_unused(class);
		if (!name)
			continue;
		if (address(class, name - 1))
			return i << CLASS_SHIFT | name;
		push(class, name);
	}
	return 0;
}

void pool_give(pool_block block)
{
	if (block)
		push(&classes[block >> CLASS_SHIFT], block & NUMBER_MASK);
}

uint8_t *pool_memory(pool_block block)
{
	return address(&classes[block >> CLASS_SHIFT],
		       (block & NUMBER_MASK) - 1);
}
