/* SPDX-License-Identifier: Apache-2.0
 *
 * What a header's decoder allocates from, in the place of malloc: memory of the
 * connection's own for what everybody needs, touched as it is used, and an annex
 * of which there are a few, for somebody with a larger table or longer fields.
 * Belongs to one thread at a time. Async-signal-safe.
 */
#pragma once

#include <stdint.h>

#include "shim/capture/blocks.h"

/* Sizes of blocks, two to an octave: from 64 octets up to those of an annex. */
#define ARENA_CLASSES 28

#define ARENA_ANNEX_SIZE (1 << 20)
#define ARENA_ANNEXES    64

/* A stretch of memory: up to `top` it has been used, in blocks that are free or
 * not. */
struct arena_region {
	uint8_t *memory; /* NULL: there is none */
	uint32_t size;
	uint32_t top;
	uint32_t touched;             /* the highest top */
	uint32_t taken;               /* blocks */
	uint32_t free[ARENA_CLASSES]; /* where a free block is, plus one */
};

struct arena {
	struct arena_region own, annex;
	uint32_t annex_number;
};

/* `memory` is whole pages, and the caller's. */
void arena_begin(struct arena *arena, uint8_t *memory, uint32_t size);

/* All is given back. */
void arena_end(struct arena *arena);

/* Aligned to 8. Returns NULL if there is no memory. */
void *arena_take(struct arena *arena, size_t size);

/* Does nothing for NULL. An annex in which nothing is left is another connection's
 * next. */
void arena_give(struct arena *arena, void *memory);
