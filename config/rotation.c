/* SPDX-License-Identifier: Apache-2.0
 *
 * [SIZE] [PERIOD] [COUNT]: one of the first two there must be.
 */
#include "config/rotation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/common.h"

#define DAY 86400

static const struct {
	const char *name;
	unsigned seconds;
} units[] = { { "d", DAY }, { "h", 3600 }, { "min", 60 }, { "s", 1 } };

/* The seconds of the unit that a number has behind it; 0: it has none of these. */
static unsigned unit_of(const char *word)
{
	size_t digits = strspn(word, "0123456789");

	for (size_t i = 0; digits && i < ARRAY_SIZE(units); i++)
		if (!strcmp(word + digits, units[i].name))
			return units[i].seconds;
	return 0;
}

/* What divides a day has its ends at the same times of each. */
static void set_period(const struct token *word, unsigned *period,
		       struct errors *errors)
{
	size_t digits = strspn(word->text, "0123456789");
	unsigned long number = digits <= 5 ? strtoul(word->text, NULL, 10) : 0;
	uint64_t seconds = (uint64_t)number * unit_of(word->text);

	if (seconds && seconds <= DAY && DAY % seconds == 0)
		*period = (unsigned)seconds;
	else
		errors_add(errors, word,
			   "expected a time that a day is a multiple of, such "
			   "as 15min, 1h or 1d");
}

static bool is_period(const struct words *words, unsigned i)
{
	return i < words->count && unit_of(words->word[i].text);
}

void rotation_set(void *field, const struct words *words, struct errors *errors)
{
	static const struct range size = { "a time such as 1h, or a size",
					   CONFIG_ROTATE_SIZE_MIN,
					   CONFIG_ROTATE_SIZE_MAX };
	static const struct range files = { "a number of files", 0,
					    CONFIG_ROTATE_COUNT_MAX };
	struct tap_config *tap = field;
	uint64_t octets = 0, count = 0;
	unsigned period = 0, i = 0;

	if (!is_period(words, i))
		value_size(&words->word[i++], size, &octets, errors);
	if (is_period(words, i))
		set_period(&words->word[i++], &period, errors);
	if (i < words->count)
		value_number(&words->word[i++], files, &count, errors);
	if (i < words->count)
		errors_add(errors, &words->word[i],
			   "expected nothing behind the number of files");
	tap->rotate_size = octets;
	tap->rotate_period = period;
	tap->rotate_count = (unsigned)count;
}

static void show_period(unsigned period, FILE *out)
{
	size_t i = 0;

	while (period % units[i].seconds)
		i++;
	fprintf(out, " %u%s", period / units[i].seconds, units[i].name);
}

void rotation_show(const void *field, FILE *out)
{
	const struct tap_config *tap = field;

	if (tap->rotate_size)
		fprintf(out, " %" PRIu64, tap->rotate_size);
	if (tap->rotate_period)
		show_period(tap->rotate_period, out);
	fprintf(out, " %u", tap->rotate_count);
}

bool rotation_is_on(const void *field)
{
	const struct tap_config *tap = field;

	return tap->rotate_size || tap->rotate_period;
}
