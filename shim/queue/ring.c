/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue's memory.
 */
#include "shim/queue/ring.h"

#include <sys/mman.h>
#include <unistd.h>

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static uint64_t power_for(uint64_t n)
{
	uint64_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

/* A forked child finds zeroes. */
static void *map_wiped(size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (madvise(base, size, MADV_WIPEONFORK)) {
		munmap(base, size);
		return NULL;
	}
	madvise(base, size, MADV_NOHUGEPAGE);
	return base;
}

/* Not private, because RLIMIT_DATA bounds private memory, and tinydns runs under
 * one of a few megabytes. A forked child has nothing there. */
static void *map_absent(size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	madvise(base, size, MADV_DONTFORK);
	return base;
}

/* Not reserved: a queue may be larger than the machine, as long as it is never
 * full. */
static void *map(size_t size)
{
	void *base = map_wiped(size);

	if (!base)
		base = map_absent(size);
	if (base)
		madvise(base, size, MADV_DONTDUMP);
	return base;
}

/* A word that is 0 in a forked child, for all queues of a process. */
static _Atomic uint64_t *process_word(void)
{
	static _Atomic uint64_t *_Atomic word;
	_Atomic uint64_t *known = atomic_load(&word), *made;

	if (known)
		return known;
	made = map_wiped(PAGE);
	if (made && !atomic_compare_exchange_strong(&word, &known, made)) {
		munmap(made, PAGE);
		return known;
	}
	return made;
}

/* A number that is the process's own, another one in each of its forks: by it a
 * thread knows whether what it has noted of itself still holds. Where the kernel
 * cannot wipe it, the number is the queue's own. */
static uint64_t process_epoch(void)
{
	static _Atomic uint64_t last;
	uint64_t none = 0, made = atomic_fetch_add(&last, 1) + 1;
	_Atomic uint64_t *word = process_word();

	return !word || atomic_compare_exchange_strong(word, &none, made)
		       ? made
		       : none;
}

/* Hands out the mapping's parts, from its beginning on. */
static void *part(uintptr_t *at, size_t size)
{
	uintptr_t begin = *at;

	*at = round_up(begin + size, 2 * CACHELINE);
	return (void *)begin;
}

/* Lays the queue out behind `base`; 0: to know its size, which is returned. */
static size_t lay_out(struct queue *queue, uintptr_t base)
{
	size_t slots = queue->runs * RUN_SLOTS;
	uintptr_t at = base;

	queue->shared = part(&at, sizeof(*queue->shared));
	for (int i = 0; i < 2; i++)
		queue->entry[i] = part(&at, (queue->entry_mask[i] + 1) *
						    sizeof(*queue->entry[i]));
	queue->open = part(&at, queue->runs * sizeof(*queue->open));
	queue->pending = part(&at, 2 * slots * sizeof(*queue->pending));
	queue->scratch = part(&at, slots * sizeof(*queue->scratch));
	queue->sending = part(&at, slots * sizeof(*queue->sending));
	queue->home = part(&at, queue->runs * sizeof(*queue->home));
	at = round_up(at, PAGE);
	queue->run = part(&at, queue->runs * sizeof(*queue->run));
	return at - base;
}

static void fill_rings(struct queue *queue)
{
	size_t warm = queue->runs < WARM_RUNS ? queue->runs : WARM_RUNS;

	for (uint32_t i = 0; i < queue->runs; i++)
		if (i < warm)
			queue->entry[0][i] = i;
		else
			queue->entry[1][i - warm] = i;
	queue->shared->ring[0].end = warm;
	queue->shared->ring[1].end = queue->runs - warm;
}

struct queue *queue_new(size_t messages)
{
	static _Atomic uint32_t serial;
	/* Every lane may hold a run of which little is used. */
	size_t runs = (messages + RUN_SLOTS - 1) / RUN_SLOTS + LANES;
	struct queue *queue;

	if (runs * RUN_SLOTS > INDEX_MASK)
		return NULL;
	queue = mmap(NULL, sizeof(*queue), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (queue == MAP_FAILED)
		return NULL;
	queue->runs = runs;
	queue->move.fd = -1;
	queue->serial = atomic_fetch_add(&serial, 1) + 1;
	queue->entry_mask[0] = WARM_RUNS - 1;
	queue->entry_mask[1] = power_for(runs) - 1;
	queue->mapped = lay_out(queue, 0);
	void *base = map(queue->mapped);
	if (!base) {
		munmap(queue, sizeof(*queue));
		return NULL;
	}
	lay_out(queue, (uintptr_t)base);
	fill_rings(queue);
	queue->shared->epoch = process_epoch();
	return queue;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	munmap(queue->shared, queue->mapped);
	munmap(queue, sizeof(*queue));
}
