/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks, and chains of them.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "shim/capture/chain.h"

/* Does the kernel leave this address out of core dumps? */
static bool is_undumped(const void *address)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false, undumped = false;

	cr_assert_not_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to, at = (unsigned long)address;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= at && at < to;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			undumped = strstr(line, " dd");
	}
	fclose(maps);
	return undumped;
}

Test(pool, is_in_no_core_dump)
{
	cr_assert(is_undumped(pool_memory(pool_take(POOL_SMALL))));
	cr_assert(is_undumped(pool_memory(pool_take(POOL_LARGE))));
}

Test(pool, gives_the_blocks_that_it_got)
{
	pool_block blocks[3];

	for (int i = 0; i < 3; i++)
		cr_assert_neq(blocks[i] = pool_take(POOL_LARGE), 0);
	for (int i = 0; i < 3; i++)
		pool_give(blocks[i]);
	for (int i = 2; i >= 0; i--)
		cr_assert_eq(pool_take(POOL_LARGE), blocks[i]);
}

Test(chain, keeps_octets_in_their_order)
{
	static uint8_t in[CHAIN_MAX + 1], out[CHAIN_MAX];
	struct iovec from = { in, sizeof(in) }, iov[CHAIN_BLOCKS];
	struct octets octets = { .iov = &from, .left = sizeof(in) };
	pool_block chain = chain_new();

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = i ^ i >> 8;
	for (size_t part = 1; octets.left > part; part = part * 3 / 2 + 1)
		cr_assert(chain_append(chain, &octets, part));
	cr_assert_not(chain_append(chain, &octets, octets.left), "too many");
	cr_assert(chain_append(chain, &octets, octets.left - 1));
	cr_assert_eq(chain_size(chain), CHAIN_MAX);
	struct octets kept = chain_octets(chain, iov);
	cr_assert_eq(kept.left, CHAIN_MAX);
	octets_copy(&kept, out, CHAIN_MAX);
	cr_assert_arr_eq(out, in, CHAIN_MAX);
	chain_give(chain);
}
