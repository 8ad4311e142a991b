/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that take blocks and give back what others took: no block is ever in
 * two hands, and at the end all are there.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "shim/capture/pool.h"

#define THREADS 6
#define ROUNDS  40000
#define FREE    6 /* of a class: so few that they are soon on top again */
#define PLACES  4 /* where blocks change hands */

static _Atomic pool_block place[PLACES];
static _Atomic unsigned long takes;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "race/pool: %s\n", what);
	exit(1);
}

/* Whoever has a block writes all of it; nobody else may meanwhile. */
static void use(pool_block block, uint8_t mark)
{
	uint8_t *memory = pool_memory(block);
	size_t size = pool_size(block);

	*pool_link(block) = mark;
	for (size_t i = 0; i < size; i += 61)
		memory[i] = mark;
	for (size_t i = 0; i < size; i += 61)
		must(memory[i] == mark, "a block has two owners");
	must(*pool_link(block) == mark, "a block's word has two owners");
}

static void *play(void *argument)
{
	unsigned seed = (unsigned long)argument;

	for (int i = 0; i < ROUNDS; i++) {
		enum pool_class class = rand_r(&seed) % 2;
		pool_block block = pool_take(class);

		if (!block) {
			sched_yield();
			continue;
		}
		use(block, seed);
		takes++;
		pool_give(
			atomic_exchange(&place[rand_r(&seed) % PLACES], block));
	}
	return NULL;
}

static size_t take_all(enum pool_class class, size_t but)
{
	pool_block kept[FREE];
	size_t count = 0;

	for (pool_block block; (block = pool_take(class)) != 0; count++)
		if (count < but)
			kept[count] = block;
	for (size_t i = 0; i < but; i++)
		pool_give(kept[i]);
	return count;
}

int main(void)
{
	pthread_t thread[THREADS];

	take_all(POOL_SMALL, FREE);
	take_all(POOL_LARGE, FREE);
	for (unsigned long i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, play, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < PLACES; i++)
		pool_give(place[i]);
	must(take_all(POOL_SMALL, 0) == FREE, "not all small blocks are there");
	must(take_all(POOL_LARGE, 0) == FREE, "not all large blocks are there");
	printf("race/pool: %lu blocks\n", takes);
	return 0;
}
