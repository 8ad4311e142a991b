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
#define WORDS  (HELLO_RANDOM / 8 + 1)

#define WRITING UINT32_MAX

struct place {
	/* The upper half of the fd's state, and fd + 1 in the lower; 0: nobody's;
	 * WRITING: somebody is about to write it. */
	_Atomic uint64_t owner;
	_Atomic uint64_t word[WORDS]; /* the key */
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

/* The last word of a key. */
enum { CLIENT, SERVER, HANDLE };

struct sessions_key sessions_by_hello(bool server,
				      const uint8_t random[HELLO_RANDOM])
{
	struct sessions_key key = {
		.word = { [WORDS - 1] = server ? SERVER : CLIENT },
	};

	memcpy(key.word, random, HELLO_RANDOM);
	return key;
}

struct sessions_key sessions_by_handle(const void *session)
{
	return (struct sessions_key){
		.word = { (uintptr_t)session, [WORDS - 1] = HANDLE },
	};
}

/* The other side must not be able to fill the places of one hash. It has no say in
 * handles, and these are looked up by every call. */
static uint64_t hash_of(const struct sessions_key *key)
{
	return key->word[WORDS - 1] == HANDLE
		       ? key->word[0] * 0x9e3779b97f4a7c15 >> 32
		       : secret_hash(key->word, WORDS);
}

static struct place *places_of(struct place *in, const struct sessions_key *key)
{
	uint64_t hash = hash_of(key);

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

static bool take(struct place *place, const struct sessions_key *key,
		 uint64_t owner)
{
	uint64_t was = place->owner;

	if (!is_free(was) ||
	    !atomic_compare_exchange_strong(&place->owner, &was, WRITING))
		return false;
	for (size_t i = 0; i < WORDS; i++)
		place->word[i] = key->word[i];
	place->owner = owner;
	return true;
}

bool sessions_add(const struct sessions_key *key, int fd, uint64_t state)
{
	struct place *made = table_make();
	uint64_t owner = (state & 0xffffffff00000000) | (uint32_t)(fd + 1);

	if (!made)
		return false;
	struct place *place = places_of(made, key);
	for (size_t i = 0; i < PLACES; i++)
		if (take(&place[i], key, owner))
			return true;
	return false;
}

static bool has_key(const struct place *place, const struct sessions_key *key)
{
	for (size_t i = 0; i < WORDS; i++)
		if (place->word[i] != key->word[i])
			return false;
	return true;
}

/* Returns its place and assigns whose that was, or returns NULL. */
static struct place *find(const struct sessions_key *key, uint64_t *owner)
{
	struct place *made = table;

	if (!made)
		return NULL;
	struct place *place = places_of(made, key);
	for (size_t i = 0; i < PLACES; i++) {
		*owner = place[i].owner;
		if (!is_free(*owner) && (uint32_t)*owner != WRITING &&
		    has_key(&place[i], key) && place[i].owner == *owner)
			return &place[i];
	}
	return NULL;
}

int sessions_find(const struct sessions_key *key)
{
	uint64_t owner;

	return find(key, &owner) ? fd_of(owner) : -1;
}

void sessions_forget(const struct sessions_key *key)
{
	uint64_t owner;
	struct place *place = find(key, &owner);

	if (place)
		atomic_compare_exchange_strong(&place->owner, &owner, 0);
}
