/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexer: words, braces and separators of a configuration.
 */
#include "config/lex.h"

#include <stdint.h>
#include <string.h>

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
