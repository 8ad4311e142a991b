/* SPDX-License-Identifier: Apache-2.0
 *
 * Words: references to the environment, quoting.
 */
#include "config/word.h"

#include <string.h>

#include "proto/utf8.h"

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
