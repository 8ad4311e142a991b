/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers that have names.
 */
#include "proto/filter/numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/mnemonic.h"
#include "proto/text.h"

#define RCODE_MAX 4095 /* RFC 6891 6.1.3 */
#define BADVERS   16   /* what TSIG calls BADSIG is in no header */

static const char badvers[] = "BADVERS";

bool numbers_have(const struct numbers *numbers, uint16_t number)
{
	for (size_t i = 0; i < numbers->count; i++)
		if (numbers->list[i] == number)
			return true;
	return false;
}

static int add(struct numbers *numbers, int number)
{
	uint16_t *list;

	if (number < 0)
		return -EINVAL;
	if (numbers_have(numbers, number))
		return 0;
	list = reallocarray(numbers->list, numbers->count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	numbers->list = list;
	list[numbers->count++] = number;
	return 0;
}

/* Up to five digits. Returns -1 for anything else, or for more than `most`. */
static int read_number(const char *text, int most)
{
	int number = 0;

	if (!*text || strlen(text) > 5)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = number * 10 + *text - '0';
	}
	return number <= most ? number : -1;
}

int numbers_add_type(struct numbers *numbers, const char *text)
{
	static const char generic[] = "TYPE";
	size_t size = strlen(generic);

	if (!strncasecmp(text, generic, size))
		return add(numbers, read_number(text + size, UINT16_MAX));
	return add(numbers, mnemonic_type_number(text));
}

int numbers_add_rcode(struct numbers *numbers, const char *text)
{
	if (!strcasecmp(text, badvers))
		return add(numbers, BADVERS);
	if (*text >= '0' && *text <= '9')
		return add(numbers, read_number(text, RCODE_MAX));
	return add(numbers, mnemonic_rcode_number(text));
}

static void show(const char *name, const char *prefix, uint16_t number,
		 struct text *out)
{
	text_add_string(out, name ? name : prefix);
	if (!name)
		text_add_number(out, number);
}

void numbers_show_type(const struct numbers *numbers, size_t i,
		       struct text *out)
{
	uint16_t type = numbers->list[i];

	show(mnemonic_type(type), "TYPE", type, out);
}

void numbers_show_rcode(const struct numbers *numbers, size_t i,
			struct text *out)
{
	uint16_t rcode = numbers->list[i];

	show(rcode == BADVERS ? badvers : mnemonic_rcode(rcode), "", rcode,
	     out);
}

void numbers_release(struct numbers *numbers)
{
	free(numbers->list);
	*numbers = (struct numbers){ 0 };
}
