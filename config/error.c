/* SPDX-License-Identifier: Apache-2.0
 *
 * Error messages: place, word, what was expected instead.
 */
#include "config/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/lex.h"
#include "proto/utf8.h"

/* Characters of a word that a message quotes. */
#define QUOTED_MAX 60

void errors_init(struct errors *errors)
{
	*errors = (struct errors){ .source = "" };
	errors->next = &errors->first;
}

/* A message while it is made. Not a stream of stdio: in a server those are all in
 * one list, and the host's fflush(NULL) would wait for ours. */
struct message {
	char *text;
	size_t used, room;
	bool failed; /* sticky: no memory */
};

static void put(struct message *out, const char *text, size_t size)
{
	if (out->used + size > out->room) {
		size_t room = 2 * (out->used + size);
		char *grown = realloc(out->text, room);

		out->failed |= !grown;
		if (!grown)
			return;
		out->text = grown;
		out->room = room;
	}
	memcpy(out->text + out->used, text, size);
	out->used += size;
}

static void put_text(struct message *out, const char *text)
{
	put(out, text, strlen(text));
}

/* Assumes nothing of the text: it may come from anywhere and go to a log. */
static void put_escaped(struct message *out, const char *text, unsigned most)
{
	const char *end = text + strlen(text);
	char escape[8];

	for (unsigned n = 0; text < end; n++) {
		uint32_t point;
		unsigned size = utf8_decode(text, end, &point);

		if (n == most) {
			put_text(out, "...");
			return;
		}
		if (point == '\n')
			put_text(out, "\\n");
		else if (point != UTF8_INVALID && !utf8_is_control(point))
			put(out, text, size);
		else
			for (unsigned i = 0; i < size; i++) {
				snprintf(escape, sizeof(escape), "\\x%02x",
					 (uint8_t)text[i]);
				put_text(out, escape);
			}
		text += size;
	}
}

static void append(struct errors *errors, const char *text, size_t size)
{
	struct config_error *error = malloc(sizeof(*error) + size + 1);

	if (!error) {
		errors->no_memory = true;
		return;
	}
	error->next = NULL;
	memcpy(error->text, text, size);
	error->text[size] = '\0';
	*errors->next = error;
	errors->next = &error->next;
}

static void put_place(struct message *out, const struct errors *errors,
		      const struct token *at)
{
	char place[32];

	put_escaped(out, errors->source, CONFIG_TEXT_MAX);
	if (at) {
		snprintf(place, sizeof(place), ":%u:%u: \"", at->line,
			 at->column);
		put_text(out, place);
		put_escaped(out, at->text, QUOTED_MAX);
		put_text(out, "\"");
	}
	put_text(out, ": ");
}

static void add(struct errors *errors, const struct token *at,
		const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

static void add(struct errors *errors, const struct token *at,
		const char *format, va_list arguments)
{
	struct message message = { 0 };
	char *expected = NULL;

	if (errors->count++ >= ERRORS_MAX)
		return;
	put_place(&message, errors, at);
	int size = vasprintf(&expected, format, arguments);
	if (size >= 0)
		put(&message, expected, size);
	if (size < 0 || message.failed)
		errors->no_memory = true;
	else
		append(errors, message.text, message.used);
	if (size >= 0)
		free(expected);
	free(message.text);
}

void errors_add(struct errors *errors, const struct token *at,
		const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(errors, at, format, arguments);
	va_end(arguments);
}

void errors_add_source(struct errors *errors, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(errors, NULL, format, arguments);
	va_end(arguments);
}

void errors_add_unknown(struct errors *errors, const struct token *at,
			const char *expected, struct keywords keywords)
{
	const char *nearest;
	char list[512];

	if (errors->count >= ERRORS_MAX) { /* guessing takes its time */
		errors->count++;
		return;
	}
	nearest = keywords_nearest(keywords, at->text);
	if (nearest) {
		errors_add(errors, at, "expected %s; did you mean \"%s\"?",
			   expected, nearest);
		return;
	}
	keywords_list(keywords, list, sizeof(list));
	errors_add(errors, at, "expected %s: %s", expected, list);
}

void errors_finish(struct errors *errors)
{
	char line[64];
	int size;

	if (errors->count <= ERRORS_MAX)
		return;
	size = snprintf(line, sizeof(line), "and %u more errors",
			errors->count - ERRORS_MAX);
	append(errors, line, (size_t)size);
}

char *errors_strdup(struct errors *errors, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		errors->no_memory = true;
	return copy;
}

void config_errors_free(struct config_error *errors)
{
	while (errors) {
		struct config_error *next = errors->next;

		free(errors);
		errors = next;
	}
}
