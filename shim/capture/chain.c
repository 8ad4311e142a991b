/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks that are linked.
 */
#include "shim/capture/chain.h"

/* At the beginning of the first block. */
struct head {
	pool_block last;
	uint32_t room; /* octets that the last one still takes */
	uint32_t size;
	struct chain_note note;
};

static struct head *head_of(pool_block chain)
{
	return (struct head *)pool_memory(chain);
}

pool_block chain_new(void)
{
	pool_block block = pool_take(POOL_SMALL);

	if (!block)
		return 0;
	*pool_link(block) = 0;
	*head_of(block) = (struct head){
		.last = block,
		.room = POOL_SMALL_SIZE - sizeof(struct head),
	};
	return block;
}

static bool grow(pool_block chain, struct head *head)
{
	pool_block block =
		pool_take(head->last == chain ? POOL_SECOND : POOL_LARGE);

	if (!block)
		return false;
	*pool_link(block) = 0;
	*pool_link(head->last) = block;
	head->last = block;
	head->room = POOL_LARGE_SIZE;
	return true;
}

bool chain_append(pool_block chain, struct octets *octets, size_t size)
{
	struct head *head = head_of(chain);

	if (size > CHAIN_MAX - head->size)
		return false;
	while (size) {
		if (!head->room && !grow(chain, head))
			return false;
		size_t part = size < head->room ? size : head->room;
		uint8_t *end = pool_memory(head->last) + pool_size(head->last);
		octets_take(octets, end - head->room, part);
		head->room -= part;
		head->size += part;
		size -= part;
	}
	return true;
}

size_t chain_size(pool_block chain)
{
	return head_of(chain)->size;
}

struct chain_note *chain_note(pool_block chain)
{
	return &head_of(chain)->note;
}

struct octets chain_octets(pool_block chain, struct iovec iov[CHAIN_BLOCKS])
{
	size_t skip = sizeof(struct head), n = 0;

	for (pool_block block = chain; block; block = *pool_link(block)) {
		iov[n++] = (struct iovec){ pool_memory(block) + skip,
					   pool_size(block) - skip };
		skip = 0;
	}
	return (struct octets){ .iov = iov, .left = chain_size(chain) };
}

void chain_give(pool_block chain)
{
	while (chain) {
		pool_block next = *pool_link(chain);
		pool_give(chain);
		chain = next;
	}
}
