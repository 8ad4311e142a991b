/* SPDX-License-Identifier: Apache-2.0
 *
 * Each has a place where it is looked for first. One direction alone fills places,
 * the other one alone empties them.
 */
#include "shim/capture/http/noted.h"

/* The places, from the number's own. Streams of a client have odd numbers. */
static _Atomic uint32_t *place(struct noted *noted, uint32_t number, unsigned i)
{
	return &noted->number[((number >> 1) + i) % NOTED_MAX];
}

static _Atomic uint32_t *lowest(struct noted *noted)
{
	_Atomic uint32_t *found = &noted->number[0];

	for (unsigned i = 1; i < NOTED_MAX; i++)
		if (atomic_load(&noted->number[i]) < atomic_load(found))
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

bool noted_take(struct noted *noted, uint32_t number)
{
	for (unsigned i = 0; i < NOTED_MAX; i++) {
		uint32_t found = number;
		if (atomic_load(place(noted, number, i)) == number)
			return atomic_compare_exchange_strong(
				place(noted, number, i), &found, 0);
	}
	return false;
}
