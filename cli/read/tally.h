/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers by keys of octets: a hash table that grows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tally_entry {
	uint64_t hash, number;
	size_t size;
	uint8_t key[];
};

/* All zero: empty. */
struct tally {
	struct tally_entry **slot;
	size_t slots, count;
};

/* The number of a key, 0 if it is new; valid until its removal. Returns NULL when
 * out of memory. */
uint64_t *tally_at(struct tally *tally, const void *key, size_t size);

/* NULL if it is not there. */
uint64_t *tally_find(const struct tally *tally, const void *key, size_t size);

void tally_remove(struct tally *tally, const void *key, size_t size);

/* Fills `top` with the `n` largest, the largest first; of equal ones the lesser
 * key. Returns how many there are, `n` at most. */
size_t tally_top(const struct tally *tally, const struct tally_entry **top,
		 size_t n);

void tally_release(struct tally *tally);
