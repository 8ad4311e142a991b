/* SPDX-License-Identifier: Apache-2.0
 *
 * Few lines for many events.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/endpoint/limit.h"

static char path[] = "/tmp/limit.XXXXXX";
static struct limit limit;

static void begin(void)
{
	close(mkstemp(path));
	log_open(&log_file, path);
}

static void end(void)
{
	unlink(path);
}

TestSuite(limit, .init = begin, .fini = end);

/* How many lines there are; `last` is the text of the last. */
static size_t lines(char last[LIMIT_TEXT_SIZE])
{
	FILE *file = fopen(path, "re");
	char line[2 * LIMIT_TEXT_SIZE];
	size_t count = 0;

	while (fgets(line, sizeof(line), file)) {
		const char *text = strstr(line, "tap: ");

		cr_assert_not_null(text);
		snprintf(last, LIMIT_TEXT_SIZE, "%.100s", text + 5);
		count++;
	}
	fclose(file);
	return count;
}

static void say(int count, uint64_t now)
{
	for (int i = 0; i < count; i++)
		limit_log(&limit, "tap", now, "event %d", i);
}

Test(limit, says_a_few_and_sums_up_the_rest)
{
	uint64_t end = (1 + LIMIT_S) * NS_PER_S;
	char last[LIMIT_TEXT_SIZE];

	say(100, NS_PER_S);
	cr_assert_eq(lines(last), LIMIT_LINES);
	cr_assert_eq(limit_due(&limit), end);
	limit_settle(&limit, "tap", end - 1);
	cr_assert_eq(lines(last), LIMIT_LINES);
	limit_settle(&limit, "tap", end);
	cr_assert_eq(lines(last), LIMIT_LINES + 1);
	cr_assert_str_eq(last, "event 99; and 91 such lines more in 10 s\n");
	cr_assert_eq(limit_due(&limit), UINT64_MAX);
}

Test(limit, says_all_of_what_is_rare)
{
	char last[LIMIT_TEXT_SIZE];

	for (int i = 0; i < 3 * LIMIT_LINES; i++)
		say(1, NS_PER_S * i * LIMIT_S / 4);
	limit_settle(&limit, "tap", UINT64_MAX);
	cr_assert_eq(lines(last), 3 * LIMIT_LINES);
}
