/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting by keys, against an array of all keys there are.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "cli/read/tally.h"

Test(tally, as_an_array)
{
	enum { KEYS = 500, STEPS = 200000 };
	uint64_t numbers[KEYS] = { 0 };
	struct tally tally = { 0 };
	size_t count = 0;

	srand(1);
	for (int i = 0; i < STEPS; i++) {
		int key = rand() % KEYS;
		/* Of several sizes, none the beginning of another. */
		size_t size = sizeof(key) + (size_t)key % 3 * 4;
		uint8_t octets[16] = { 0 };
		uint64_t *number;

		memcpy(octets, &key, sizeof(key));
		number = tally_find(&tally, octets, size);
		cr_assert_eq(number ? *number : 0, numbers[key]);
		if (rand() % 2) {
			tally_remove(&tally, octets, size);
			count -= numbers[key] > 0;
			numbers[key] = 0;
		} else {
			count += numbers[key] == 0;
			++*tally_at(&tally, octets, size);
			numbers[key]++;
		}
		cr_assert_eq(tally.count, count);
	}
	tally_release(&tally);
}

Test(tally, top)
{
	static const char *const keys[] = { "b", "a", "c", "aa", "d" };
	static const int numbers[] = { 2, 2, 9, 2, 1 };
	const struct tally_entry *top[4];
	struct tally tally = { 0 };
	char found[16] = "";

	cr_expect_eq(tally_top(&tally, top, 4), 0);
	cr_expect_eq(tally_top(&tally, top, 0), 0);
	for (int i = 0; i < 5; i++)
		*tally_at(&tally, keys[i], strlen(keys[i]) + 1) = numbers[i];
	cr_expect_eq(tally_top(&tally, top, 0), 0);
	cr_assert_eq(tally_top(&tally, top, 4), 4);
	for (int i = 0; i < 4; i++)
		strcat(strcat(found, (const char *)top[i]->key), " ");
	cr_expect_str_eq(found, "c a aa b ");
	tally_release(&tally);
}
