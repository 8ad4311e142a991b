/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a configuration, one after the other, with references to the
 * environment replaced and what is wrong with a word reported.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/error.h"
#include "config/lex.h"
#include "config/word.h"

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
