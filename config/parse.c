/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser: recursive descent over one token, going on after each error at
 * the next separator.
 */
#include "config/parse.h"

#include <string.h>

#include "config/property.h"
#include "config/socket.h"
#include "config/tap.h"
#include "config/value.h"

struct parser {
	struct reader *reader;
	struct settings *settings;
	struct token set[SETTINGS_MAX]; /* where each setting was made */
};

/* A tap under construction. */
struct draft {
	struct tap_config tap;
	struct token socket;              /* without a text: it is at fault */
	struct token set[PROPERTIES_MAX]; /* where each property was set */
};

static void set_property(struct reader *reader, struct draft *draft, size_t i)
{
	const struct property *row = property_at(i);
	struct words words;

	if (!reader_take(reader, row->min, row->max, row->form, &words))
		return;
	draft->set[i] = words.name;
	row->set((char *)&draft->tap + row->field, &words, reader->errors);
	if (row->min == row->max || !reader_at(reader, TOKEN_WORD))
		return;
	errors_add(reader->errors, &reader->token,
		   "expected at most %u words after %s", row->max, row->name);
	reader_skip_words(reader);
}

/* The word may be one too many after a property, or a misspelt property. */
static void report_property(struct reader *reader, const char *before)
{
	const struct token *word = &reader->token;

	if (keywords_find(settings_names, word->text) >= 0)
		errors_add(reader->errors, word,
			   "expected it outside the braces: a setting is for "
			   "all taps");
	else if (before && !keywords_nearest(properties, word->text))
		errors_add(reader->errors, word,
			   "expected the end of the line after \"%s\"; a text "
			   "with blanks needs quotes",
			   before);
	else
		errors_add_unknown(reader->errors, word, "a property",
				   properties);
	reader_skip_words(reader);
}

/* Skips a block within a block. */
static void skip_block(struct reader *reader)
{
	errors_add(reader->errors, &reader->token,
		   "expected no further block inside a tap's");
	reader_skip_block(reader);
}

static void parse_property(struct reader *reader, struct draft *draft,
			   const char **before)
{
	int row = keywords_find(properties, reader->token.text);

	if (row < 0) {
		report_property(reader, *before);
		return;
	}
	*before = property_at((size_t)row)->name;
	set_property(reader, draft, (size_t)row);
}

/* An open quote has swallowed the brace, and is reported already. */
static void report_open(struct reader *reader, const struct token *open)
{
	if (!reader->lexer.unclosed)
		errors_add(reader->errors, open,
			   "expected a \"}\", with blanks around it, that "
			   "closes this block");
}

static void parse_block(struct reader *reader, struct draft *draft)
{
	struct token open = reader->token;
	const char *before = NULL; /* the last property on this line */

	reader_advance(reader);
	while (!reader_at(reader, TOKEN_CLOSE)) {
		switch (reader->token.kind) {
		case TOKEN_WORD:
			parse_property(reader, draft, &before);
			break;
		case TOKEN_OPEN:
			skip_block(reader);
			break;
		case TOKEN_END:
			report_open(reader, &open);
			return;
		default:
			before = NULL;
			reader_advance(reader);
		}
	}
	reader_advance(reader);
}

/* A word where a property that chooses should be. */
static void report_choice(struct reader *reader, const char *before)
{
	const struct token *word = &reader->token;

	if (before && !keywords_nearest(choosing, word->text))
		errors_add(reader->errors, word,
			   "expected a \";\" or the end after \"%s\"", before);
	else
		errors_add_unknown(reader->errors, word,
				   "what chooses messages", choosing);
	reader_skip_words(reader);
}

void parse_choice(struct reader *reader, struct tap_config *tap)
{
	struct draft draft = { .tap = *tap };
	const char *before = NULL;

	while (!reader_at(reader, TOKEN_END)) {
		const char *word = reader->token.text;

		if (!reader_at(reader, TOKEN_WORD)) {
			before = NULL;
			reader_advance(reader);
		} else if (keywords_find(choosing, word) < 0) {
			report_choice(reader, before);
		} else {
			parse_property(reader, &draft, &before);
		}
	}
	*tap = draft.tap;
}

static bool number(struct reader *reader, struct range range, unsigned *out)
{
	uint64_t value;

	if (!reader_at(reader, TOKEN_WORD))
		return false;
	if (value_number(&reader->token, range, &value, reader->errors))
		*out = (unsigned)value;
	reader_advance(reader);
	return true;
}

/* What stands where "full" or the block should. CoreDNS ignores any such word,
 * and takes the number after it for the writebuffer. */
static void report_argument(struct reader *reader)
{
	static const struct {
		const char *name;
	} full[] = { { "full" } };
	const struct token *word = &reader->token;
	bool near = keywords_nearest(KEYWORDS_OF(full), word->text);

	if (*word->text >= '0' && *word->text <= '9')
		errors_add(reader->errors, word,
			   "expected \"full\" before the numbers");
	else if (*word->text == '{')
		errors_add(reader->errors, word,
			   "expected a blank after the \"{\"");
	else
		errors_add(reader->errors, word,
			   "expected \"full\" or \"{\" after the SOCKET%s",
			   near ? "; did you mean \"full\"?" : "");
}

/* [full [writebuffer [queue]]] */
static void parse_arguments(struct reader *reader, struct tap_config *tap)
{
	static const struct range write_buffer = { "a writebuffer (MiB)", 1,
						   CONFIG_WRITE_BUFFER_MAX };
	static const struct range queue = { "a queue (times 10,000 messages)",
					    1, CONFIG_QUEUE_MAX };

	tap->full = reader_accept(reader, "full");
	if (!tap->full && reader_at(reader, TOKEN_WORD))
		report_argument(reader);
	else if (number(reader, write_buffer, &tap->write_buffer) &&
		 number(reader, queue, &tap->queue) &&
		 reader_at(reader, TOKEN_WORD))
		errors_add(reader->errors, &reader->token,
			   "expected \"{\" or the end of the line after the "
			   "queue");
	reader_skip_words(reader);
}

static void parse_socket(struct reader *reader, const struct token *before,
			 struct draft *draft)
{
	if (!reader_at(reader, TOKEN_WORD))
		errors_add(reader->errors, before,
			   "expected a SOCKET after it, as in \"dnstap "
			   "/run/dnstap.sock full\"");
	else if (strcmp(reader->token.text, "full") == 0)
		errors_add(reader->errors, &reader->token,
			   "expected a SOCKET before it");
	else if (socket_read(&reader->token, &draft->tap, reader->errors))
		draft->socket = reader->token;
	if (reader_at(reader, TOKEN_WORD))
		reader_advance(reader);
}

static void parse_tap(struct parser *parser)
{
	struct reader *reader = parser->reader;
	struct token before = reader->token;
	struct draft draft = { 0 };

	tap_config_init(&draft.tap);
	reader_accept(reader, "dnstap");
	draft.tap.listen = reader_accept(reader, "listen");
	parse_socket(reader, &before, &draft);
	parse_arguments(reader, &draft.tap);
	if (reader_at(reader, TOKEN_OPEN))
		parse_block(reader, &draft);
	if (draft.socket.text)
		check_tap(&draft.tap, &draft.socket, draft.set,
			  parser->settings->config, reader->errors);
	config_add_tap(parser->settings->config, &draft.tap, &before,
		       reader->errors);
}

static void parse_setting(struct parser *parser, size_t i)
{
	const struct setting *row = setting_at(i);
	struct reader *reader = parser->reader;
	struct words words;

	if (reader_take(reader, row->min, row->max, row->form, &words)) {
		if (parser->set[i].text)
			errors_add(reader->errors, &words.name,
				   "expected it once; line %u has set it",
				   parser->set[i].line);
		parser->set[i] = words.name;
		row->set(parser->settings, &words, reader->errors);
	}
	if (reader_at(reader, TOKEN_WORD) || reader_at(reader, TOKEN_OPEN))
		errors_add(reader->errors, &reader->token,
			   "expected the end of the line after %s; a text with "
			   "blanks needs quotes",
			   row->name);
	reader_skip_words(reader);
}

static const struct {
	const char *name;
} tap_words[] = { { "dnstap" }, { "listen" } };

static bool begins_tap(const char *word)
{
	return keywords_find(KEYWORDS_OF(tap_words), word) >= 0 ||
	       socket_like(word);
}

/* A whole Corefile in place of its dnstap lines: server blocks are told from taps,
 * and skipped. */

/* Does a server block begin at this word: an address that is no SOCKET, and
 * behind the line's words a block that begins with no property of a tap? */
static bool corefile_at(const struct reader *reader)
{
	struct lexer ahead =
		reader->lexer; /* what it writes is written again */
	struct token token = reader->token;

	if (*token.text == '\0' || *token.text == '@' ||
	    strchr(token.text, '/'))
		return false;
	lexer_next(&ahead, &token);
	if (strcmp(token.text, "full") == 0)
		return false;
	while (token.kind == TOKEN_WORD)
		lexer_next(&ahead, &token);
	if (token.kind != TOKEN_OPEN)
		return false;
	do
		lexer_next(&ahead, &token);
	while (token.kind == TOKEN_SEPARATOR);
	return token.kind != TOKEN_WORD ||
	       keywords_find(properties, token.text) < 0;
}

/* Says what to leave out, and moves behind the block. */
static void corefile_report(struct reader *reader)
{
	errors_add(reader->errors, &reader->token,
		   "expected only the dnstap lines of a Corefile, without the "
		   "server block around them");
	reader_skip_words(reader);
	reader_skip_block(reader);
}

/* A word that begins neither a setting nor a tap. */
static void report_statement(struct reader *reader)
{
	const struct token *word = &reader->token;

	if (keywords_find(properties, word->text) >= 0)
		errors_add(reader->errors, word,
			   "expected it in the braces of a tap");
	else if (keywords_nearest(KEYWORDS_OF(tap_words), word->text))
		errors_add_unknown(reader->errors, word, "a tap",
				   KEYWORDS_OF(tap_words));
	else
		errors_add_unknown(reader->errors, word,
				   "\"dnstap\", a SOCKET or a setting",
				   settings_names);
	reader_skip_words(reader);
}

static void parse_statement(struct parser *parser)
{
	const char *word = parser->reader->token.text;
	int row = keywords_find(settings_names, word);

	if (row >= 0)
		parse_setting(parser, (size_t)row);
	else if (corefile_at(parser->reader) &&
		 !keywords_nearest(KEYWORDS_OF(tap_words), word))
		corefile_report(parser->reader);
	else if (begins_tap(word))
		parse_tap(parser);
	else
		report_statement(parser->reader);
}

/* A block on the line after its tap, say: its properties are looked at all the
 * same. */
static void parse_stray_block(struct reader *reader)
{
	struct draft draft = { 0 };

	errors_add(reader->errors, &reader->token,
		   "expected it on the line of its dnstap directive");
	tap_config_init(&draft.tap);
	parse_block(reader, &draft);
	tap_config_release(&draft.tap);
}

void parse_configuration(struct reader *reader, struct settings *settings)
{
	struct parser parser = { .reader = reader, .settings = settings };

	while (!reader_at(reader, TOKEN_END)) {
		switch (reader->token.kind) {
		case TOKEN_WORD:
			parse_statement(&parser);
			break;
		case TOKEN_OPEN:
			parse_stray_block(reader);
			break;
		case TOKEN_CLOSE:
			errors_add(reader->errors, &reader->token,
				   "expected a \"{\" before it");
			/* fall through */
		default:
			reader_advance(reader);
		}
	}
}
