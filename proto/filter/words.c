/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a filter: one table for reading and for writing them.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "proto/common.h"
#include "proto/filter/filter.h"
#include "proto/text.h"

#define SIZE_MAX_OCTETS 65535
#define DURATION_MAX_NS (3600 * NS_PER_S)

static int add_name(struct filter_side *side, const char *word)
{
	return names_add(&side->names, word);
}

static void show_name(const struct filter_side *side, size_t i,
		      struct text *out)
{
	names_show(&side->names, i, out);
}

static int add_type(struct filter_side *side, const char *word)
{
	return numbers_add_type(&side->types, word);
}

static void show_type(const struct filter_side *side, size_t i,
		      struct text *out)
{
	numbers_show_type(&side->types, i, out);
}

static int add_client(struct filter_side *side, const char *word)
{
	return networks_add(&side->clients, word);
}

static void show_client(const struct filter_side *side, size_t i,
			struct text *out)
{
	networks_show(&side->clients, i, out);
}

static int add_rcode(struct filter_side *side, const char *word)
{
	return numbers_add_rcode(&side->rcodes, word);
}

static void show_rcode(const struct filter_side *side, size_t i,
		       struct text *out)
{
	numbers_show_rcode(&side->rcodes, i, out);
}

/* Reads the digits at *word, no more than a size or a time has, and moves behind
 * them. */
static bool read_digits(const char **word, uint64_t *value)
{
	size_t digits = strspn(*word, "0123456789");

	if (digits == 0 || digits > 10)
		return false;
	for (*value = 0; digits; digits--)
		*value = *value * 10 + (uint64_t)(*(*word)++ - '0');
	return true;
}

static int set_size(struct filter_side *side, const char *word)
{
	uint64_t size;

	if (!read_digits(&word, &size) || *word || size < 1 ||
	    size > SIZE_MAX_OCTETS)
		return -EINVAL;
	side->size = (uint32_t)size;
	return 0;
}

static void show_size(const struct filter_side *side, size_t i,
		      struct text *out)
{
	(void)i;
	text_add_number(out, side->size);
}

static const struct {
	const char *name;
	uint64_t ns;
} units[] = { { "s", NS_PER_S }, { "ms", NS_PER_MS }, { "us", 1000 } };

static int set_duration(struct filter_side *side, const char *word)
{
	uint64_t count;

	if (!read_digits(&word, &count) || count < 1)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(word, units[i].name))
			continue;
		if (count > DURATION_MAX_NS / units[i].ns)
			return -EINVAL;
		side->duration_ns = count * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

/* In the largest unit that it is a multiple of. */
static void show_duration(const struct filter_side *side, size_t i,
			  struct text *out)
{
	i = 0;
	while (i + 1 < ARRAY_SIZE(units) && side->duration_ns % units[i].ns)
		i++;
	text_add_number(out, side->duration_ns / units[i].ns);
	text_add_string(out, units[i].name);
}

static const struct {
	const char *name, *form, *expects;
	int (*add)(struct filter_side *side, const char *word);
	void (*show)(const struct filter_side *side, size_t i,
		     struct text *out);
	size_t list; /* the list's count in the side; 0: it is no list */
} keys[] = {
	[FILTER_NAME] = { "name", " NAME...",
			  "a domain name such as example.com, or *.example.com "
			  "for all below it",
			  add_name, show_name,
			  offsetof(struct filter_side, names.count) },
	[FILTER_QTYPE] = { "qtype", " TYPE...",
			   "a type such as AAAA, or TYPE65 by its number",
			   add_type, show_type,
			   offsetof(struct filter_side, types.count) },
	[FILTER_CLIENT] = { "client", " NETWORK...",
			    "an address, or a network such as 192.0.2.0/24 "
			    "with zeroes behind its prefix",
			    add_client, show_client,
			    offsetof(struct filter_side, clients.count) },
	[FILTER_RCODE] = { "rcode", " RCODE...",
			   "an RCODE such as NXDOMAIN, or a number up to 4095",
			   add_rcode, show_rcode,
			   offsetof(struct filter_side, rcodes.count) },
	[FILTER_RSIZE] = { "rsize", " OCTETS",
			   "a number of octets from 1 to 65535", set_size,
			   show_size, 0 },
	[FILTER_DURATION] = { "duration", " TIME",
			      "a time such as 500us, 100ms or 2s, an hour at "
			      "most",
			      set_duration, show_duration, 0 },
};

_Static_assert(ARRAY_SIZE(keys) == FILTER_KEYS, "each key has words");

const char *filter_key_name(enum filter_key key)
{
	return keys[key].name;
}

const char *filter_key_form(enum filter_key key)
{
	return keys[key].form;
}

bool filter_key_is_list(enum filter_key key)
{
	return keys[key].list;
}

const char *filter_key_expects(enum filter_key key)
{
	return keys[key].expects;
}

int filter_add(struct filter_side *side, enum filter_key key, const char *word)
{
	int error = keys[key].add(side, word);

	if (!error)
		side->set |= 1u << key;
	return error;
}

static size_t count(const struct filter_side *side, enum filter_key key)
{
	if (!keys[key].list)
		return side->set >> key & 1;
	return *(const size_t *)((const char *)side + keys[key].list);
}

bool filter_word(const struct filter_side *side, enum filter_key key, size_t i,
		 char out[FILTER_WORD_MAX])
{
	struct text text = { .start = out, .size = FILTER_WORD_MAX - 1 };

	if (i >= count(side, key))
		return false;
	keys[key].show(side, i, &text);
	out[text.used] = '\0';
	return true;
}

static void release(struct filter_side *side)
{
	names_release(&side->names);
	numbers_release(&side->types);
	numbers_release(&side->rcodes);
	networks_release(&side->clients);
	*side = (struct filter_side){ 0 };
}

void filter_release(struct filter *filter)
{
	release(&filter->only);
	release(&filter->except);
}
