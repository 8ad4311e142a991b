/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexer: words, braces and separators of a configuration.
 */
#include "config/lex.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/error.h"
#include "config/value.h"
#include "proto/utf8.h"

#define BYTE_ORDER_MARK 0xfeff

static bool at_end(const struct lexer *lexer)
{
	return lexer->at == lexer->end;
}

static uint32_t peek(const struct lexer *lexer)
{
	uint32_t point;

	utf8_decode(lexer->at, lexer->end, &point);
	return point;
}

static void skip(struct lexer *lexer)
{
	uint32_t point;

	lexer->at += utf8_decode(lexer->at, lexer->end, &point);
	lexer->column++;
	if (point == '\n') {
		lexer->line++;
		lexer->column = 1;
	}
}

void lexer_init(struct lexer *lexer, const char *text, size_t size, char *words)
{
	*lexer = (struct lexer){
		.at = text,
		.end = text + size,
		.line = 1,
		.column = 1,
		.words = words,
	};
	if (size > 0 && peek(lexer) == BYTE_ORDER_MARK) {
		skip(lexer);
		lexer->column = 1;
	}
}

/* What cannot stand in a word at all. */
static const char *fault_of(uint32_t point)
{
	if (point == 0)
		return "the text has a NUL octet here";
	if (point == UTF8_INVALID)
		return "the text is not valid UTF-8 here";
	return NULL;
}

/* Moves one character into the word. One that is at fault becomes a question
 * mark, so that reading goes on and finds the other errors. */
static void take(struct lexer *lexer, struct token *token)
{
	const char *from = lexer->at;
	const char *fault = fault_of(peek(lexer));

	skip(lexer);
	if (fault) {
		token->fault = token->fault ? token->fault : fault;
		*lexer->words++ = '?';
		return;
	}
	memcpy(lexer->words, from, (size_t)(lexer->at - from));
	lexer->words += lexer->at - from;
}

static void lex_quoted(struct lexer *lexer, struct token *token)
{
	skip(lexer);
	while (!at_end(lexer) && *lexer->at != '"') {
		if (*lexer->at == '\\' && lexer->end - lexer->at > 1) {
			if (lexer->at[1] == '"')
				skip(lexer);
			else
				take(lexer, token);
		}
		take(lexer, token);
	}
	lexer->unclosed = at_end(lexer);
	if (lexer->unclosed)
		token->fault = "no second quote closes this one";
	else
		skip(lexer);
}

static bool ends_word(uint32_t point)
{
	return point == ';' || point == '#' || utf8_is_space(point);
}

/* A carriage return vanishes wherever it stands, as in a Corefile. */
static void lex_bare(struct lexer *lexer, struct token *token)
{
	while (!at_end(lexer)) {
		if (*lexer->at == '\r')
			skip(lexer);
		else if (ends_word(peek(lexer)))
			return;
		else
			take(lexer, token);
	}
}

static enum token_kind bare_kind(const char *text)
{
	if (strcmp(text, "{") == 0)
		return TOKEN_OPEN;
	if (strcmp(text, "}") == 0)
		return TOKEN_CLOSE;
	return TOKEN_WORD;
}

static void lex_word(struct lexer *lexer, struct token *token)
{
	bool quoted = *lexer->at == '"';

	token->kind = TOKEN_WORD;
	token->text = lexer->words;
	if (quoted)
		lex_quoted(lexer, token);
	else
		lex_bare(lexer, token);
	*lexer->words++ = '\0';
	if (!quoted)
		token->kind = bare_kind(token->text);
}

static void skip_blanks(struct lexer *lexer)
{
	bool comment = false;

	while (!at_end(lexer) && *lexer->at != '\n') {
		comment = comment || *lexer->at == '#';
		if (!comment && !utf8_is_space(peek(lexer)))
			return;
		skip(lexer);
	}
}

void lexer_next(struct lexer *lexer, struct token *token)
{
	skip_blanks(lexer);
	*token = (struct token){
		.kind = TOKEN_END,
		.line = lexer->line,
		.column = lexer->column,
		.text = "",
	};
	if (at_end(lexer))
		return;
	if (*lexer->at == '\n' || *lexer->at == ';') {
		token->kind = TOKEN_SEPARATOR;
		token->text = *lexer->at == ';' ? ";" : "";
		skip(lexer);
		return;
	}
	lex_word(lexer, token);
}

bool lexer_is_bare(const char *text)
{
	const char *end = text + strlen(text);
	uint32_t point;

	if (*text == '\0' || *text == '"' || bare_kind(text) != TOKEN_WORD)
		return false;
	while (text < end) {
		text += utf8_decode(text, end, &point);
		if (ends_word(point))
			return false;
	}
	return true;
}

/* Words one after the other, with references to the environment replaced. */

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
