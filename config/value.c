/* SPDX-License-Identifier: Apache-2.0
 *
 * Values: from words to numbers, and what was expected where that fails.
 */
#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/lex.h"
#include "proto/utf8.h"

bool value_check(const struct token *word, struct errors *errors)
{
	if (word_sayable(word->text))
		return true;
	if (!utf8_valid(word->text))
		errors_add(errors, word, "expected valid UTF-8");
	else
		errors_add(errors, word,
			   "expected text without {$NAME} and without a single "
			   "\\ before a quote or at the end");
	return false;
}

bool value_text(const struct token *word, size_t limit, char **field,
		struct errors *errors)
{
	size_t size = strlen(word->text);

	if (size > limit) {
		errors_add(errors, word, "expected at most %zu octets, not %zu",
			   limit, size);
		return false;
	}
	free(*field);
	*field = errors_strdup(errors, word->text);
	return *field;
}

/* Reads the digits at *text and moves behind them. */
static bool read_digits(const char **text, uint64_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return false;
	if (at == *text)
		return false;
	*text = at;
	*out = value;
	return true;
}

static bool within(struct range range, uint64_t value)
{
	return value >= range.min && value <= range.max;
}

bool value_number(const struct token *word, struct range range, uint64_t *out,
		  struct errors *errors)
{
	const char *text = word->text;
	uint64_t value;

	if (read_digits(&text, &value) && !*text && within(range, value)) {
		*out = value;
		return true;
	}
	errors_add(errors, word, "expected %s from %" PRIu64 " to %" PRIu64,
		   range.what, range.min, range.max);
	return false;
}

/* Returns the shift that a suffix stands for, or -1. */
static int suffix_shift(const char *suffix)
{
	static const char units[] = "KMG";
	const char *unit;

	if (*suffix == '\0')
		return 0;
	unit = strchr(units, *suffix);
	return unit && !suffix[1] ? 10 * (int)(unit - units + 1) : -1;
}

bool value_size(const struct token *word, struct range range, uint64_t *out,
		struct errors *errors)
{
	const char *text = word->text;
	uint64_t value;

	if (read_digits(&text, &value)) {
		int shift = suffix_shift(text);

		if (shift >= 0 && value <= range.max >> shift &&
		    within(range, value << shift)) {
			*out = value << shift;
			return true;
		}
	}
	errors_add(errors, word,
		   "expected %s: a number, then K, M or G if need be, from "
		   "%" PRIu64 " to %" PRIu64 " octets",
		   range.what, range.min, range.max);
	return false;
}

static bool read_port(const char **text, uint64_t *port)
{
	return read_digits(text, port) && *port >= 1 && *port <= 65535;
}

/* One port, or FIRST-LAST. */
static int add_ports(void *to, const char *item)
{
	uint64_t first, last, *ports = to;

	if (!read_port(&item, &first))
		return -EINVAL;
	last = first;
	if (*item == '-') {
		item++;
		if (!read_port(&item, &last))
			return -EINVAL;
	}
	if (*item || last < first)
		return -EINVAL;
	for (; first <= last; first++)
		ports[first / 64] |= UINT64_C(1) << first % 64;
	return 0;
}

static int add_network(void *to, const char *item)
{
	return networks_add(to, item);
}

/* What a list is of. */
struct items {
	int (*add)(void *to, const char *item); /* 0, -EINVAL or -ENOMEM */
	void *to;
	const char *expects;
};

/* One item of a list: `size` octets of `word` at `at`. */
static bool add_item(const struct token *word, const char *at, size_t size,
		     const struct items *items, struct errors *errors)
{
	struct token item = *word;
	char *text = strndup(at, size);
	int error = text ? items->add(items->to, text) : -ENOMEM;

	item.text = text;
	item.column += (unsigned)(at - word->text);
	if (error == -ENOMEM)
		errors->no_memory = true;
	else if (error)
		errors_add(errors, &item, "expected %s", items->expects);
	free(text);
	return !error;
}

static bool add_list(const struct token *word, const struct items *items,
		     struct errors *errors)
{
	const char *at = word->text + strspn(word->text, " ");
	bool good = true;

	do {
		size_t size = strcspn(at, ", ");

		if (!add_item(word, at, size, items, errors))
			good = false;
		/* One comma at most: behind it there is an item, or the end
		 * where another word follows. */
		at += size;
		at += strspn(at, " ");
		at += *at == ',';
		at += strspn(at, " ");
	} while (*at);
	return good;
}

bool value_ports(const struct token *word, uint64_t ports[PORTS_WORDS],
		 struct errors *errors)
{
	const struct items items = {
		add_ports, ports,
		"a port from 1 to 65535, or a range of them like 5300-5309"
	};

	return add_list(word, &items, errors);
}

bool value_networks(const struct token *word, struct networks *networks,
		    struct errors *errors)
{
	const struct items items = {
		add_network, networks,
		"an address, or a network such as 192.0.2.0/24 with "
		"zeroes behind its prefix; any and none stand alone"
	};

	return add_list(word, &items, errors);
}

/* Words: references to the environment, quoting. */

/* A reference in a text: its name, and where it begins and ends. */
struct reference {
	const char *begin, *name, *end;
	size_t name_size;
};

static bool closed_by(const char *begin, const char *close,
		      struct reference *found)
{
	const char *name = begin + 2;
	const char *end = strstr(name, close);

	if (!end || end == name)
		return false;
	*found = (struct reference){
		.begin = begin,
		.name = name,
		.end = end + strlen(close),
		.name_size = (size_t)(end - name),
	};
	return true;
}

static bool next_reference(const char *text, struct reference *found)
{
	for (; (text = strchr(text, '{')); text++) {
		if (text[1] == '$' && closed_by(text, "}", found))
			return true;
		if (text[1] == '%' && closed_by(text, "%}", found))
			return true;
	}
	return false;
}

/* A text under construction, cut off where it would not fit. */
struct piece {
	char *at;
	size_t room;
	bool full;
};

static void put(struct piece *piece, const char *text, size_t size)
{
	if (size >= piece->room) {
		piece->full = true;
		return;
	}
	memcpy(piece->at, text, size);
	piece->at += size;
	piece->room -= size;
	*piece->at = '\0';
}

/* A name that is longer than any is not set. */
static void put_reference(struct piece *piece,
			  const struct reference *reference,
			  const char *(*lookup)(const char *name))
{
	char name[256] = "";
	const char *value;

	if (reference->name_size >= sizeof(name))
		return;
	memcpy(name, reference->name, reference->name_size);
	value = lookup(name);
	if (value)
		put(piece, value, strlen(value));
}

bool word_expand(const char *text, const char *(*lookup)(const char *name),
		 char *out, size_t size)
{
	struct piece piece = { .at = out, .room = size };
	struct reference reference;

	while (!piece.full && next_reference(text, &reference)) {
		put(&piece, text, (size_t)(reference.begin - text));
		put_reference(&piece, &reference, lookup);
		text = reference.end;
	}
	put(&piece, text, strlen(text));
	return !piece.full;
}

bool word_refers(const char *text)
{
	struct reference reference;

	return next_reference(text, &reference);
}

/* Inside quotes a backslash stands with what follows it, unless that is a
 * quote. */
static bool quotable(const char *text)
{
	while ((text = strchr(text, '\\'))) {
		if (text[1] == '\0' || text[1] == '"')
			return false;
		text += 2;
	}
	return true;
}

bool word_sayable(const char *text)
{
	return utf8_valid(text) && !word_refers(text) &&
	       (lexer_is_bare(text) || quotable(text));
}

void word_print(const char *text, FILE *out)
{
	if (lexer_is_bare(text)) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}
