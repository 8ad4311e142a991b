/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for halves of TCP messages: bounded, lock-free, never malloc. Private,
 * so that a forked child goes on with a copy of its own. Async-signal-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Names a block; 0 is none. */
typedef uint32_t pool_block;

/* Returns a block of at least `size` (<= 65,535) octets, 0 if there is none. */
pool_block pool_take(size_t size);
void pool_give(pool_block block);
uint8_t *pool_memory(pool_block block);
