/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash that nobody outside can predict, under a key that a process has in
 * common with all that were forked from it, and with none that executed another
 * program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* In the constructor. Before, the key is zero. */
void secret_begin(void);

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of so many words, which count as
 * little-endian. */
uint64_t secret_hash(const uint64_t *words, size_t count);

/* For hashes that need only be different in every tree of processes. */
uint64_t secret_word(void);

/* The same with another key, for its test. */
uint64_t secret_hash_under(const uint64_t key[2], const uint64_t *words,
			   size_t count);
