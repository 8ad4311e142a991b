/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for octets of TCP connections that have to be kept: bounded, lock-free,
 * never malloc. Private, so that a forked child goes on with a copy of its own;
 * not in core dumps. Async-signal-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Names a block; 0 is none. */
typedef uint32_t pool_block;

#define POOL_NAME_BITS 17

/* A chain's first block, its second, and those behind them. The second is of a class
 * of its own, so that who sends the longest messages leaves room for most others. */
enum pool_class { POOL_SMALL, POOL_SECOND, POOL_LARGE };
#define POOL_SMALL_SIZE 512
#define POOL_LARGE_SIZE 4096

/* Returns a block, 0 if there is none. */
pool_block pool_take(enum pool_class class);
void pool_give(pool_block block);
uint8_t *pool_memory(pool_block block);
size_t pool_size(pool_block block);

/* A word that belongs to the block while it is taken. */
uint32_t *pool_link(pool_block block);
