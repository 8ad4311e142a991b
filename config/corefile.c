/* SPDX-License-Identifier: Apache-2.0
 *
 * Server blocks: told from taps, and skipped.
 */
#include "config/corefile.h"

#include <string.h>

#include "config/property.h"

bool corefile_at(const struct reader *reader)
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

void corefile_report(struct reader *reader)
{
	errors_add(reader->errors, &reader->token,
		   "expected only the dnstap lines of a Corefile, without the "
		   "server block around them");
	reader_skip_words(reader);
	reader_skip_block(reader);
}
