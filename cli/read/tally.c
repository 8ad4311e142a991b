/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing. What was removed leaves no mark: those behind it move up.
 */
#include "cli/read/tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SLOTS_MIN 64

/* A secret, so that nobody can make up names that all fall into one place. */
static uint64_t seed(void)
{
	static uint64_t value;

	while (!value)
		if (getrandom(&value, sizeof(value), 0) < 0)
			value = 1;
	return value;
}

static uint64_t hash_of(const uint8_t *key, size_t size)
{
	uint64_t hash = seed() ^ size, word;

	for (; size >= sizeof(word); size -= sizeof(word)) {
		memcpy(&word, key, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 32;
		key += sizeof(word);
	}
	for (word = 0; size; size--)
		word = word << 8 | *key++;
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

static size_t next(const struct tally *tally, size_t i)
{
	return (i + 1) & (tally->slots - 1);
}

/* The slot of the key, or the free one where it belongs. */
static size_t slot_of(const struct tally *tally, uint64_t hash, const void *key,
		      size_t size)
{
	size_t i = hash & (tally->slots - 1);

	for (;; i = next(tally, i)) {
		const struct tally_entry *entry = tally->slot[i];

		if (!entry || (entry->hash == hash && entry->size == size &&
			       !memcmp(entry->key, key, size)))
			return i;
	}
}

static bool grow(struct tally *tally)
{
	struct tally old = *tally;

	tally->slots = old.slots ? old.slots * 2 : SLOTS_MIN;
	tally->slot = calloc(tally->slots, sizeof(*tally->slot));
	if (!tally->slot) {
		*tally = old;
		return false;
	}
	for (size_t i = 0; i < old.slots; i++) {
		struct tally_entry *entry = old.slot[i];

		if (entry)
			tally->slot[slot_of(tally, entry->hash, entry->key,
					    entry->size)] = entry;
	}
	free(old.slot);
	return true;
}

uint64_t *tally_at(struct tally *tally, const void *key, size_t size)
{
	uint64_t hash = hash_of(key, size);
	struct tally_entry *entry;
	size_t i;

	if (tally->count * 2 >= tally->slots && !grow(tally))
		return NULL;
	i = slot_of(tally, hash, key, size);
	if (tally->slot[i])
		return &tally->slot[i]->number;
	entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return NULL;
	*entry = (struct tally_entry){ .hash = hash, .size = size };
	memcpy(entry->key, key, size);
	tally->slot[i] = entry;
	tally->count++;
	return &entry->number;
}

uint64_t *tally_find(const struct tally *tally, const void *key, size_t size)
{
	size_t i;

	if (!tally->count)
		return NULL;
	i = slot_of(tally, hash_of(key, size), key, size);
	return tally->slot[i] ? &tally->slot[i]->number : NULL;
}

/* Is `home` cyclically in (hole, at]? Then what lies at `at` may stay. */
static bool lies_between(size_t hole, size_t home, size_t at)
{
	return hole <= at ? hole < home && home <= at
			  : hole < home || home <= at;
}

void tally_remove(struct tally *tally, const void *key, size_t size)
{
	size_t hole;

	if (!tally->count)
		return;
	hole = slot_of(tally, hash_of(key, size), key, size);
	if (!tally->slot[hole])
		return;
	free(tally->slot[hole]);
	tally->count--;
	for (size_t i = next(tally, hole); tally->slot[i]; i = next(tally, i)) {
		size_t home = tally->slot[i]->hash & (tally->slots - 1);

		if (lies_between(hole, home, i))
			continue;
		tally->slot[hole] = tally->slot[i];
		hole = i;
	}
	tally->slot[hole] = NULL;
}

static bool precedes(const struct tally_entry *a, const struct tally_entry *b)
{
	size_t size = a->size < b->size ? a->size : b->size;
	int order;

	if (a->number != b->number)
		return a->number > b->number;
	order = memcmp(a->key, b->key, size);
	return order ? order < 0 : a->size < b->size;
}

size_t tally_top(const struct tally *tally, const struct tally_entry **top,
		 size_t n)
{
	size_t have = 0;

	for (size_t i = 0; n && i < tally->slots; i++) {
		const struct tally_entry *entry = tally->slot[i];
		size_t at = have;

		if (!entry || (have == n && !precedes(entry, top[n - 1])))
			continue;
		if (have == n)
			at--;
		else
			have++;
		for (; at > 0 && precedes(entry, top[at - 1]); at--)
			top[at] = top[at - 1];
		top[at] = entry;
	}
	return have;
}

void tally_release(struct tally *tally)
{
	for (size_t i = 0; i < tally->slots; i++)
		free(tally->slot[i]);
	free(tally->slot);
	*tally = (struct tally){ 0 };
}
