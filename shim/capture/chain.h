/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that are kept in blocks of the pool: a small one first, larger ones as
 * more come, so that memory grows with what has arrived.
 *
 * A chain is known by the name of its first block, in which its state lies, and
 * belongs to one thread at a time. Async-signal-safe.
 */
#pragma once

#include <stdbool.h>

#include "shim/capture/octets.h"
#include "shim/capture/pool.h"

/* Octets that any chain can hold, if there is memory: two of the longest DNS
 * messages, with their lengths. */
#define CHAIN_MAX (2 * 65537)

/* Blocks of the longest chain. */
#define CHAIN_BLOCKS (1 + CHAIN_MAX / POOL_LARGE_SIZE + 1)

/* What its owner remembers of it. */
struct chain_note {
	uintptr_t frame;
	uint64_t serial; /* of the copies that its thread has made */
	pool_block previous;
	uint32_t whole;    /* octets that it is to have */
	uint64_t stamp_ns; /* of the last that came */
};

/* Returns an empty chain, with an empty note, or 0. */
pool_block chain_new(void);

/* Takes `size` (<= left) octets. Returns false if there is no memory for them, or
 * if they would be too many: then some may have been taken. */
bool chain_append(pool_block chain, struct octets *octets, size_t size);

size_t chain_size(pool_block chain);
struct chain_note *chain_note(pool_block chain);

/* Where they lie. */
struct octets chain_octets(pool_block chain, struct iovec iov[CHAIN_BLOCKS]);

/* Does nothing for 0. */
void chain_give(pool_block chain);
