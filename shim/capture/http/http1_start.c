/* SPDX-License-Identifier: Apache-2.0
 *
 * The line that a message of HTTP/1.1 begins with: RFC 9112 3, 4.
 */
#include "shim/capture/http/http1.h"

/* A character of "METHOD TARGET VERSION": the target is read as it comes, the rest
 * is kept. */
static bool take_request(void *context, char c)
{
	struct http1 *http1 = context;

	if (c == ' ') {
		if (!http1->spaces)
			http1->method = http1->line.size;
		return http1->spaces++ < 2;
	}
	if (http1->spaces == 1)
		parameter_take(&http1->parameter, (struct text){ &c, 1 });
	else
		line_keep(&http1->line, c);
	return true;
}

static bool take_status(void *context, char c)
{
	struct http1 *http1 = context;

	line_keep(&http1->line, c);
	return true;
}

/* "HTTP/1.1", or another digit at its end. */
static bool read_version(struct http1 *http1, struct text version)
{
	static const struct text begins = { "HTTP/1.", 7 };

	if (version.size != begins.size + 1)
		return false;
	http1->old = version.at[begins.size] == '0';
	version.size--;
	return text_is(version, begins);
}

/* Returns false if what comes behind it cannot be known: that is no HTTP. */
static bool read_request(struct http1 *http1)
{
	struct text text = line_text(&http1->line), method = text;

	method.size = http1->method;
	text.at += method.size;
	text.size -= method.size;
	http1->fields.method = fields_method(method);
	return http1->spaces == 2 && !http1->line.cut &&
	       http1->fields.method != METHOD_CONNECT &&
	       read_version(http1, text);
}

/* "HTTP/1.1 200 OK" */
static bool read_status(struct http1 *http1)
{
	enum { VERSION = 8, STATUS = 3 };
	struct text text = line_text(&http1->line);
	size_t size = VERSION + 1 + STATUS;

	if (text.size < size || text.at[VERSION] != ' ' ||
	    (text.size > size && text.at[size] != ' '))
		return false;
	http1->fields.status =
		fields_status((struct text){ text.at + VERSION + 1, STATUS });
	text.size = VERSION;
	return http1->fields.status >= 100 && read_version(http1, text);
}

enum line_result http1_read_start(struct http1 *http1, struct octets *octets)
{
	line_take *take = http1->requests ? take_request : take_status;
	enum line_result result;
	bool any;

	do {
		result = line_read(&http1->line, octets, take, http1);
		if (result != LINE_WHOLE)
			return result;
		http1->fields = (struct fields){ 0 };
		any = http1->line.any;
		if (any && !(http1->requests ? read_request(http1)
					     : read_status(http1)))
			return LINE_BAD;
		http1->spaces = 0;
		http1->line = (struct line){ 0 };
	} while (
		!any); /* RFC 9112 2.2: one that is empty may stand before it */
	return LINE_WHOLE;
}
