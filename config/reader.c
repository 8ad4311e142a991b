/* SPDX-License-Identifier: Apache-2.0
 *
 * Words one after the other, with references to the environment replaced.
 */
#include "config/reader.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

/* What a reference brought in, kept until the end. */
struct expansion {
	struct expansion *next;
	char text[];
};

static void keep_expansion(struct reader *reader, const char *text)
{
	size_t size = strlen(text) + 1;
	struct expansion *expansion = malloc(sizeof(*expansion) + size);

	if (!expansion) {
		reader->errors->no_memory = true;
		return;
	}
	memcpy(expansion->text, text, size);
	expansion->next = reader->expansions;
	reader->expansions = expansion;
	reader->token.text = expansion->text;
}

void reader_release(struct reader *reader)
{
	struct expansion *expansion = reader->expansions;

	free(reader->words);
	while (expansion) {
		struct expansion *next = expansion->next;

		free(expansion);
		expansion = next;
	}
}

static void expand(struct reader *reader)
{
	char text[PATH_MAX];

	if (!reader->lookup || !word_refers(reader->token.text))
		return;
	if (!word_expand(reader->token.text, reader->lookup, text,
			 sizeof(text))) {
		errors_add(reader->errors, &reader->token,
			   "expected less text from the environment");
		return;
	}
	keep_expansion(reader, text);
	value_check(&reader->token, reader->errors);
}

void reader_advance(struct reader *reader)
{
	lexer_next(&reader->lexer, &reader->token);
	if (reader->token.fault)
		errors_add(reader->errors, &reader->token, "%s",
			   reader->token.fault);
	expand(reader);
}

int reader_init(struct reader *reader, const char *text, size_t size,
		const char *(*lookup)(const char *name), struct errors *errors)
{
	*reader = (struct reader){
		.words = malloc(size + 1),
		.lookup = lookup,
		.errors = errors,
	};
	if (!reader->words)
		return -ENOMEM;
	lexer_init(&reader->lexer, text, size, reader->words);
	reader_advance(reader);
	return 0;
}

bool reader_at(const struct reader *reader, enum token_kind kind)
{
	return reader->token.kind == kind;
}

bool reader_accept(struct reader *reader, const char *word)
{
	if (!reader_at(reader, TOKEN_WORD) ||
	    strcmp(reader->token.text, word) != 0)
		return false;
	reader_advance(reader);
	return true;
}

/* Gives up what is left of a line. */
void reader_skip_words(struct reader *reader)
{
	while (reader_at(reader, TOKEN_WORD))
		reader_advance(reader);
}

void reader_skip_block(struct reader *reader)
{
	unsigned depth = 0;

	do {
		if (reader_at(reader, TOKEN_OPEN))
			depth++;
		else if (reader_at(reader, TOKEN_CLOSE))
			depth--;
		reader_advance(reader);
	} while (depth > 0 && !reader_at(reader, TOKEN_END));
}

/* Returns false if there are fewer than `min`. */
bool reader_take(struct reader *reader, unsigned min, unsigned max,
		 const char *form, struct words *words)
{
	words->name = reader->token;
	words->count = 0;
	reader_advance(reader);
	while (words->count < max && reader_at(reader, TOKEN_WORD)) {
		words->word[words->count++] = reader->token;
		reader_advance(reader);
	}
	if (words->count >= min)
		return true;
	errors_add(reader->errors, &words->name, "expected%s after it", form);
	return false;
}
