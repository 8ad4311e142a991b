/* SPDX-License-Identifier: Apache-2.0
 *
 * What headers' decoders allocate from.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/capture/http/arena.h"

#define SIZE 28672

static struct arena arena;
static uint8_t *memory;

static void begin(void)
{
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	arena_begin(&arena, memory, SIZE);
}

TestSuite(arena, .init = begin);

static bool is_own(const void *block)
{
	return (uint8_t *)block >= memory && (uint8_t *)block < memory + SIZE;
}

Test(arena, no_two_have_the_same)
{
	enum { BLOCKS = 300 };
	static struct {
		uint8_t *at;
		size_t size;
		uint8_t mark;
	} block[BLOCKS];

	srandom(3);
	for (int round = 0; round < 100000; round++) {
		int i = random() % BLOCKS;
		size_t most = random() % 100 ? 200 : 5000;
		for (size_t n = 0; n < block[i].size; n++)
			cr_assert_eq(block[i].at[n], block[i].mark);
		arena_give(&arena, block[i].at);
		block[i].size = random() % most;
		block[i].mark = random();
		block[i].at = arena_take(&arena, block[i].size);
		cr_assert_not_null(block[i].at);
		cr_assert_eq((uintptr_t)block[i].at % 8, 0);
		memset(block[i].at, block[i].mark, block[i].size);
	}
	arena_end(&arena);
}

Test(arena, what_is_given_back_last_leaves_nothing)
{
	void *kept = arena_take(&arena, 100);

	for (size_t size = 1; size < 20000; size += 97) {
		void *block = arena_take(&arena, size);
		cr_assert(is_own(block), "%zu", size);
		arena_give(&arena, block);
	}
	arena_give(&arena, kept);
}

Test(arena, larger_ones_do_for_small_ones)
{
	void *blocks[SIZE / 1000 + 1];
	size_t n = 0;

	while (is_own(blocks[n] = arena_take(&arena, 1000)))
		n++;
	cr_assert_geq(n, 18);
	for (size_t i = 0; i < n; i++)
		arena_give(&arena, blocks[i]);
	for (size_t i = 0; i < n; i++)
		cr_assert(is_own(arena_take(&arena, 10)));
}

Test(arena, there_are_few_annexes)
{
	static struct arena arenas[ARENA_ANNEXES + 1];
	static uint8_t own[64];

	for (int i = 0; i <= ARENA_ANNEXES; i++) {
		arena_begin(&arenas[i], own, 0);
		cr_assert_eq(!arena_take(&arenas[i], 1000), i == ARENA_ANNEXES);
	}
	arena_end(&arenas[3]);
	cr_assert_not_null(arena_take(&arenas[ARENA_ANNEXES], 1000));
}

Test(arena, is_bounded)
{
	size_t size = 0;

	cr_assert_null(arena_take(&arena, ARENA_ANNEX_SIZE));
	cr_assert_null(arena_take(&arena, SIZE_MAX - 4));
	while (arena_take(&arena, 500))
		size += 500;
	cr_assert_gt(size, ARENA_ANNEX_SIZE / 2);
	cr_assert_lt(size, ARENA_ANNEX_SIZE + SIZE);
}

/* One after the other has what is long for a moment. */
Test(arena, an_annex_goes_round)
{
	static struct arena arenas[2 * ARENA_ANNEXES];
	static uint8_t own[2 * ARENA_ANNEXES][256];

	for (int i = 0; i < 2 * ARENA_ANNEXES; i++) {
		arena_begin(&arenas[i], own[i], sizeof(own[i]));
		cr_assert_not_null(arena_take(&arenas[i], 80));
		void *block = arena_take(&arenas[i], 100000);
		cr_assert_not_null(block, "%d", i);
		arena_give(&arenas[i], block);
	}
}

/* How many pages of it are there? */
static size_t resident(void)
{
	unsigned char pages[SIZE / 4096];
	size_t n = 0;

	cr_assert_eq(mincore(memory, SIZE, pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++)
		n += pages[i] & 1;
	return n;
}

Test(arena, grows_with_use_and_goes)
{
	void *block = arena_take(&arena, 20000);

	cr_assert_leq(resident(), 1, "what is not used is not there");
	memset(block, 1, 20000);
	cr_assert_geq(resident(), 4);
	arena_end(&arena);
	cr_assert_leq(resident(), 2);
}
