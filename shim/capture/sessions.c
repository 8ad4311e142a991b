/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table with a few places for each hash. A place is free again as soon as its
 * fd stands for another socket, which nobody needs to tell it.
 */
#include "shim/capture/sessions.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/base/sandbox.h"
#include "shim/base/secret.h"
#include "shim/capture/fdtable.h"

#define PLACES 8 /* for one hash; a power of two */
#define WORDS  (HELLO_RANDOM / 8)

#define WRITING UINT32_MAX

struct place {
	/* The upper half of the fd's state, and fd + 1 in the lower; 0: nobody's;
	 * WRITING: somebody is about to write it. */
	_Atomic uint64_t owner;
	_Atomic uint64_t random[WORDS];
	_Atomic uint64_t server;
};

static struct place *_Atomic table;

static struct place *table_make(void)
{
	size_t size = SESSIONS_MAX * sizeof(struct place);
	struct place *found = table, *none = NULL;

	if (found || !sandbox_spares(sandbox_mapping))
		return found;
	struct place *made =
		mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (made == MAP_FAILED)
		return NULL;
	madvise(made, size, MADV_DONTDUMP);
	if (atomic_compare_exchange_strong(&table, &none, made))
		return made;
	munmap(made, size);
	return none;
}

struct key {
	uint64_t word[WORDS + 1]; /* the random number, and whose it is */
};

static struct key key_of(bool server, const uint8_t random[HELLO_RANDOM])
{
	struct key key = { .word = { [WORDS] = server } };

	memcpy(key.word, random, HELLO_RANDOM);
	return key;
}

/* The other side must not be able to fill the places of one hash. */
static struct place *places_of(struct place *in, const struct key *key)
{
	uint64_t hash = secret_hash(key->word, WORDS + 1);

	return in + (hash & (SESSIONS_MAX - 1) & ~(uint64_t)(PLACES - 1));
}

static int fd_of(uint64_t owner)
{
	return (int)(uint32_t)owner - 1;
}

/* Is the socket of `owner` no more? */
static bool is_free(uint64_t owner)
{
	return !owner || ((uint32_t)owner != WRITING &&
			  !fd_same_socket(fdtable_state(fd_of(owner)), owner));
}

static bool take(struct place *place, const struct key *key, uint64_t owner)
{
	uint64_t was = place->owner;

	if (!is_free(was) ||
	    !atomic_compare_exchange_strong(&place->owner, &was, WRITING))
		return false;
	for (size_t i = 0; i < WORDS; i++)
		place->random[i] = key->word[i];
	place->server = key->word[WORDS];
	place->owner = owner;
	return true;
}

bool sessions_add(const struct hello *hello, int fd, uint64_t state)
{
	struct place *made = table_make();
	struct key key = key_of(hello->server, hello->random);
	uint64_t owner = (state & 0xffffffff00000000) | (uint32_t)(fd + 1);

	if (!made)
		return false;
	struct place *place = places_of(made, &key);
	for (size_t i = 0; i < PLACES; i++)
		if (take(&place[i], &key, owner))
			return true;
	return false;
}

static bool has_key(const struct place *place, const struct key *key)
{
	for (size_t i = 0; i < WORDS; i++)
		if (place->random[i] != key->word[i])
			return false;
	return place->server == key->word[WORDS];
}

int sessions_find(bool server, const uint8_t random[HELLO_RANDOM])
{
	struct place *made = table;
	struct key key = key_of(server, random);

	if (!made)
		return -1;
	struct place *place = places_of(made, &key);
	for (size_t i = 0; i < PLACES; i++) {
		uint64_t owner = place[i].owner;

		if (!is_free(owner) && (uint32_t)owner != WRITING &&
		    has_key(&place[i], &key) && place[i].owner == owner)
			return fd_of(owner);
	}
	return -1;
}
