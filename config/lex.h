/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a configuration → its words, with the place of each.
 *
 * A word ends at white space, `;` or `#` (a comment, to the end of its line). A
 * word that begins with a double quote goes to the next one and may hold
 * anything; in it \" is a quote, and no other backslash is special, as in a
 * Corefile. Outside quotes a backslash is a letter: it continues no line.
 * `{` and `}` count where they stand alone. No I/O; only the reader allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
	TOKEN_END,
	TOKEN_SEPARATOR, /* the end of a line, or ; */
	TOKEN_OPEN,      /* { */
	TOKEN_CLOSE,     /* } */
	TOKEN_WORD,
};

struct token {
	enum token_kind kind;
	unsigned line, column; /* from 1; a column is a character */
	const char *text;      /* as meant: without quotes; "" for an end */
	const char *fault;     /* what is wrong with the word, or NULL */
};

struct lexer {
	const char *at, *end;
	unsigned line, column;
	char *words;
	bool unclosed; /* the text ended within quotes */
};

/* `words` holds size + 1 octets; the texts of the tokens lie there. */
void lexer_init(struct lexer *lexer, const char *text, size_t size,
		char *words);

/* Assigns the next token; at the end, again and again TOKEN_END. */
void lexer_next(struct lexer *lexer, struct token *token);

/* Is the valid UTF-8 text one word as it stands, without quotes? */
bool lexer_is_bare(const char *text);

/* The words after a property or setting; the longest takes all of `types`. */
#define WORDS_MAX 32

struct words {
	struct token name;
	unsigned count;
	struct token word[WORDS_MAX];
};

/* The words of a configuration, one after the other, with references to the
 * environment replaced and what is wrong with a word reported. */

struct errors;

struct reader {
	struct token token; /* the next one; its text lives until release */
	struct errors *errors;
	struct lexer lexer;
	char *words;
	const char *(*lookup)(const char *name);
	struct expansion *expansions;
};

/* Returns 0, or -ENOMEM. `lookup`: see struct config_env; NULL: references stay
 * as they are. */
int reader_init(struct reader *reader, const char *text, size_t size,
		const char *(*lookup)(const char *name), struct errors *errors);

void reader_release(struct reader *reader);

void reader_advance(struct reader *reader);

bool reader_at(const struct reader *reader, enum token_kind kind);

/* Moves behind the word if it is the next one. */
bool reader_accept(struct reader *reader, const char *word);

/* Moves to the next token that is no word. */
void reader_skip_words(struct reader *reader);

/* At a "{": moves behind the "}" that closes it. */
void reader_skip_block(struct reader *reader);

/*
 * Takes a name and at most `max` words after it, as far as its line goes.
 * Returns false, with an error that shows `form`, if there are fewer than `min`.
 */
bool reader_take(struct reader *reader, unsigned min, unsigned max,
		 const char *form, struct words *words);
