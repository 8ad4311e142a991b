/* SPDX-License-Identifier: Apache-2.0
 *
 * Past libraries such as libfaketime, under which a deadline might never come.
 */
#include "shim/base/clock.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>

/* More than reading two clocks one after the other takes. */
#define PAIR_CREEP_NS 20000

int (*clock_read)(clockid_t id, struct timespec *time) = clock_gettime;

void clock_begin(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	void *found = libc ? dlsym(libc, "clock_gettime") : NULL;

	if (found)
		clock_read = (int (*)(clockid_t, struct timespec *))found;
}

void clock_pair_read(struct clock_pair *pair)
{
	uint64_t steady = clock_steady();
	uint64_t wall = clock_wall();
	uint64_t expected = clock_pair_wall(pair, steady);
	int64_t crept = wall - expected; /* modulo 2^64: either way */

	if (crept >= -PAIR_CREEP_NS && crept <= PAIR_CREEP_NS)
		wall = expected;
	*pair = (struct clock_pair){ steady, wall };
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30,
					      31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month] + (month == 1 && leap);
}

void clock_print(char text[CLOCK_TEXT_MAX], uint64_t wall_ns)
{
	uint64_t seconds = wall_ns / NS_PER_S;
	unsigned days = seconds / 86400, year = 1970, month = 0;

	for (; days >= days_in(year, month); month = (month + 1) % 12) {
		days -= days_in(year, month);
		year += month == 11;
	}
	snprintf(text, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", year,
		 month + 1, days + 1, (unsigned)(seconds / 3600 % 24),
		 (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}
