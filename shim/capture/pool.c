/* SPDX-License-Identifier: Apache-2.0
 *
 * Classes of blocks, and a word for each of them.
 */
#include "shim/capture/pool.h"

#include "proto/common.h"
#include "shim/capture/blocks.h"

#define SMALL       8192 /* blocks */
#define SECOND      2048
#define LARGE       2048
#define CLASS_SHIFT 15 /* a block's name: class, then number */
#define NUMBER_MASK 0x7fff

static struct blocks classes[] = {
	/* In slabs of 256 KB. */
	[POOL_SMALL] = BLOCKS(POOL_SMALL_SIZE, SMALL, 9),
	[POOL_SECOND] = BLOCKS(POOL_LARGE_SIZE, SECOND, 6),
	[POOL_LARGE] = BLOCKS(POOL_LARGE_SIZE, LARGE, 6),
};

static uint32_t links[ARRAY_SIZE(classes)][SMALL];

_Static_assert(SMALL <= NUMBER_MASK && LARGE <= SMALL && SECOND <= SMALL,
	       "numbers fit");
_Static_assert(ARRAY_SIZE(classes) << CLASS_SHIFT <= 1 << POOL_NAME_BITS,
	       "names fit");

pool_block pool_take(enum pool_class class)
{
	uint32_t number = blocks_take(&classes[class]);

	return number ? class << CLASS_SHIFT | number : 0;
}

void pool_give(pool_block block)
{
	if (block)
		blocks_give(&classes[block >> CLASS_SHIFT],
			    block & NUMBER_MASK);
}

uint8_t *pool_memory(pool_block block)
{
	return blocks_memory(&classes[block >> CLASS_SHIFT],
			     block & NUMBER_MASK);
}

size_t pool_size(pool_block block)
{
	return classes[block >> CLASS_SHIFT].size;
}

uint32_t *pool_link(pool_block block)
{
	return &links[block >> CLASS_SHIFT][(block & NUMBER_MASK) - 1];
}
