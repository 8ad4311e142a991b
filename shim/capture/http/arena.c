/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of free blocks for each size. The highest block, given back, is cut off:
 * so is what is decoded for a moment only, however long.
 */
#include "shim/capture/http/arena.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "shim/base/sandbox.h"

/* Pages that stay for the next connection. */
#define KEPT 8192

/* Before each block. */
struct head {
	uint32_t class;
	uint32_t next; /* of a free one: where the next is, plus one */
};

static struct blocks annexes = BLOCKS(ARENA_ANNEX_SIZE, ARENA_ANNEXES, 0);

static uint32_t class_size(unsigned class)
{
	return (class % 2 ? 96u : 64u) << class / 2;
}

_Static_assert(64u << (ARENA_CLASSES / 2) == ARENA_ANNEX_SIZE,
	       "the largest block is nearly all of an annex");

/* Returns ARENA_CLASSES if it is too large. */
static unsigned class_of(size_t size)
{
	unsigned class = 0;

	while (class < ARENA_CLASSES && class_size(class) < size)
		class ++;
	return class;
}

static struct head *head_at(const struct arena_region *region, uint32_t offset)
{
	return (struct head *)(region->memory + offset);
}

static struct head *take_free(struct arena_region *region, unsigned class)
{
	struct head *head;

	if (!region->free[class])
		return NULL;
	head = head_at(region, region->free[class] - 1);
	region->free[class] = head->next;
	return head;
}

static struct head *take_top(struct arena_region *region, unsigned class)
{
	struct head *head = head_at(region, region->top);

	if (class_size(class) > region->size - region->top)
		return NULL;
	region->top += class_size(class);
	if (region->touched < region->top)
		region->touched = region->top;
	head->class = class;
	return head;
}

static void *take(struct arena_region *region, unsigned class)
{
	struct head *head = take_free(region, class);

	if (!head)
		head = take_top(region, class);
	while (!head && ++class < ARENA_CLASSES)
		head = take_free(region, class);
	if (!head)
		return NULL;
	region->taken++;
	return head + 1;
}

static bool open_annex(struct arena *arena)
{
	arena->annex_number = blocks_take(&annexes);
	if (!arena->annex_number)
		return false;
	arena->annex = (struct arena_region){
		.memory = blocks_memory(&annexes, arena->annex_number),
		.size = ARENA_ANNEX_SIZE,
	};
	return true;
}

void *arena_take(struct arena *arena, size_t size)
{
	void *memory;

	if (size > ARENA_ANNEX_SIZE - sizeof(struct head))
		return NULL;
	unsigned class = class_of(size + sizeof(struct head));
	if (class == ARENA_CLASSES)
		return NULL;
	memory = take(&arena->own, class);
	if (memory || (!arena->annex_number && !open_annex(arena)))
		return memory;
	return take(&arena->annex, class);
}

static bool is_in(const struct arena_region *region, const void *memory)
{
	return (uintptr_t)memory - (uintptr_t)region->memory < region->size;
}

static void give_pages(const struct arena_region *region)
{
	if (region->touched > KEPT && sandbox_spares(sandbox_mapping))
		madvise(region->memory + KEPT, region->touched - KEPT,
			MADV_DONTNEED);
}

/* What is left of it is the next one's. */
static void close_annex(struct arena *arena)
{
	give_pages(&arena->annex);
	blocks_give(&annexes, arena->annex_number);
	arena->annex = (struct arena_region){ 0 };
	arena->annex_number = 0;
}

static void give(struct arena_region *region, struct head *head)
{
	uint32_t offset = (uint8_t *)head - region->memory;

	region->taken--;
	if (offset + class_size(head->class) == region->top) {
		region->top = offset;
		return;
	}
	head->next = region->free[head->class];
	region->free[head->class] = offset + 1;
}

void arena_give(struct arena *arena, void *memory)
{
	if (!memory)
		return;
	if (is_in(&arena->own, memory)) {
		give(&arena->own, (struct head *)memory - 1);
		return;
	}
	give(&arena->annex, (struct head *)memory - 1);
	if (!arena->annex.taken)
		close_annex(arena);
}

void arena_begin(struct arena *arena, uint8_t *memory, uint32_t size)
{
	*arena = (struct arena){ .own = { .memory = memory, .size = size } };
}

void arena_end(struct arena *arena)
{
	give_pages(&arena->own);
	if (arena->annex_number)
		close_annex(arena);
	arena_begin(arena, arena->own.memory, arena->own.size);
}
