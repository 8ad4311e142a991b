/* SPDX-License-Identifier: Apache-2.0
 *
 * Error messages: place, word, what was expected instead.
 */
#include "config/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/utf8.h"

/* Characters of a word that a message quotes. */
#define QUOTED_MAX 60

void errors_init(struct errors *errors)
{
	*errors = (struct errors){ .source = "" };
	errors->next = &errors->first;
}

/* Assumes nothing of the text: it may come from anywhere and go to a log. */
static void put_escaped(FILE *out, const char *text, unsigned most)
{
	const char *end = text + strlen(text);

	for (unsigned n = 0; text < end; n++) {
		uint32_t point;
		unsigned size = utf8_decode(text, end, &point);

		if (n == most) {
			fputs("...", out);
			return;
		}
		if (point == '\n')
			fputs("\\n", out);
		else if (point != UTF8_INVALID && !utf8_is_control(point))
			fwrite(text, 1, size, out);
		else
			for (unsigned i = 0; i < size; i++)
				fprintf(out, "\\x%02x", (uint8_t)text[i]);
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

static void put_place(FILE *out, const struct errors *errors,
		      const struct token *at)
{
	put_escaped(out, errors->source, CONFIG_TEXT_MAX);
	if (at) {
		fprintf(out, ":%u:%u: \"", at->line, at->column);
		put_escaped(out, at->text, QUOTED_MAX);
		fputc('"', out);
	}
	fputs(": ", out);
}

static void add(struct errors *errors, const struct token *at,
		const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

static void add(struct errors *errors, const struct token *at,
		const char *format, va_list arguments)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (errors->count++ >= ERRORS_MAX)
		return;
	out = open_memstream(&text, &size);
	if (!out) {
		errors->no_memory = true;
		return;
	}
	put_place(out, errors, at);
	vfprintf(out, format, arguments);
	if (fclose(out) == 0 && text)
		append(errors, text, size);
	else
		errors->no_memory = true;
	free(text);
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
			const char *expected, struct names names)
{
	const char *nearest;
	char list[512];

	if (errors->count >= ERRORS_MAX) { /* guessing takes its time */
		errors->count++;
		return;
	}
	nearest = names_nearest(names, at->text);
	if (nearest) {
		errors_add(errors, at, "expected %s; did you mean \"%s\"?",
			   expected, nearest);
		return;
	}
	names_list(names, list, sizeof(list));
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
