/* SPDX-License-Identifier: Apache-2.0
 *
 * Each has a place where it is looked for first. One direction alone fills places,
 * the other one alone empties them.
 */
#include "shim/capture/http/noted.h"

/* A number that was reset. */
#define RESET 0x80000000u

/* The places, from the number's own. Streams of a client have odd numbers. */
static _Atomic uint32_t *place(struct noted *noted, uint32_t number, unsigned i)
{
	return &noted->number[((number >> 1) + i) % NOTED_MAX];
}

static _Atomic uint32_t *lowest(struct noted *noted)
{
	_Atomic uint32_t *found = &noted->number[0];

	/* Those that were reset come before the others. */
	for (unsigned i = 1; i < NOTED_MAX; i++)
		if ((atomic_load(&noted->number[i]) ^ RESET) <
		    (atomic_load(found) ^ RESET))
			found = &noted->number[i];
	return found;
}

void noted_add(struct noted *noted, uint32_t number)
{
	for (unsigned i = 0; i < NOTED_MAX; i++)
		if (!atomic_load(place(noted, number, i))) {
			atomic_store(place(noted, number, i), number);
			return;
		}
	atomic_store(lowest(noted), number);
}

void noted_reset(struct noted *noted, uint32_t number)
{
	for (unsigned i = 0; i < NOTED_MAX; i++) {
		uint32_t found = number;
		if (atomic_load(place(noted, number, i)) == number) {
			atomic_compare_exchange_strong(place(noted, number, i),
						       &found, number | RESET);
			return;
		}
	}
}

bool noted_take(struct noted *noted, uint32_t number)
{
	for (unsigned i = 0; i < NOTED_MAX; i++) {
		uint32_t found = atomic_load(place(noted, number, i));
		while ((found & ~RESET) == number)
			if (atomic_compare_exchange_weak(
				    place(noted, number, i), &found, 0))
				return true;
	}
	return false;
}
