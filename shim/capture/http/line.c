/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines are looked at character by character.
 */
#include "shim/capture/http/line.h"

void line_keep(struct line *line, char c)
{
	if (line->size < sizeof(line->text))
		line->text[line->size++] = c;
	else
		line->cut = true;
}

/* A line that begins with a blank goes on with the one before, and blanks before
 * the colon are nobody's: RFC 9112 5.1, 5.2. */
bool line_keep_field(struct line *line, char c)
{
	if (line->colon) {
		if (line->size > line->name || !text_is_blank(c))
			line_keep(line, c);
		return true;
	}
	if (c == ':') {
		line->colon = true;
		line->name = line->size;
		return line->size;
	}
	line_keep(line, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	return !text_is_blank(c);
}

static enum line_result take_octet(struct line *line, char c, line_take *take,
				   void *context)
{
	if (c == '\n')
		return LINE_WHOLE;
	if (line->cr)
		return LINE_BAD;
	line->cr = c == '\r';
	if (line->cr)
		return LINE_MORE;
	if (((unsigned char)c < ' ' && c != '\t') || c == 0x7f)
		return LINE_BAD;
	line->any = true;
	return take(context, c) ? LINE_MORE : LINE_BAD;
}

enum line_result line_read(struct line *line, struct octets *octets,
			   line_take *take, void *context)
{
	enum line_result result = LINE_MORE;

	while (octets->left && !result) {
		const struct iovec *iov = octets->iov;
		const char *at = (char *)iov->iov_base + octets->skip;
		size_t size = iov->iov_len - octets->skip, part = 0;
		if (size > octets->left)
			size = octets->left;
		while (part < size && !result)
			result = take_octet(line, at[part++], take, context);
		octets_pass(octets, part);
	}
	return result;
}

struct text line_text(const struct line *line)
{
	return (struct text){ line->text, line->size };
}

struct text line_name(const struct line *line)
{
	return (struct text){ line->text, line->name };
}

struct text line_value(const struct line *line)
{
	return (struct text){ line->text + line->name,
			      line->size - line->name };
}
