/* SPDX-License-Identifier: Apache-2.0
 *
 * Percentiles are those of the sorted values, or 3 % more.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "cli/read/histogram.h"

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

Test(histogram, percentiles)
{
	enum { VALUES = 5000 };
	static struct histogram histogram;
	static uint64_t values[VALUES];

	srand(1);
	for (int i = 0; i < VALUES; i++) {
		values[i] = (uint64_t)rand() << rand() % 32 >> rand() % 31;
		histogram_add(&histogram, values[i]);
	}
	qsort(values, VALUES, sizeof(*values), order);
	for (unsigned permille = 1; permille <= 1000; permille++) {
		uint64_t exact = values[VALUES * permille / 1000 - 1],
			 told = histogram_at(&histogram, permille);

		cr_assert_geq(told, exact, "%u", permille);
		cr_assert_leq(told, exact + exact / 32, "%u", permille);
	}
	cr_expect_eq(histogram_at(&histogram, 1000), values[VALUES - 1]);
}

Test(histogram, ends)
{
	static struct histogram none, few;

	cr_expect_eq(histogram_at(&none, 500), 0);
	histogram_add(&few, UINT64_MAX);
	cr_expect_eq(histogram_at(&few, 500), UINT64_MAX);
	histogram_add(&few, 0);
	cr_expect_eq(histogram_at(&few, 500), 0);
	cr_expect_eq(histogram_at(&few, 501), UINT64_MAX);
}
