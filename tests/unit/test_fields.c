/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that came over the network: whatever it holds, a terminal is told
 * nothing by it.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "cli/read/fields.h"

typedef void put_fn(ldns_buffer *buffer, const void *octets, size_t n);

static void expect(put_fn *form, const char *octets, size_t size,
		   const char *text)
{
	ldns_buffer *out = ldns_buffer_new(16);

	form(out, octets, size);
	put(out, "", 1);
	cr_expect_str_eq((char *)ldns_buffer_begin(out), text);
	ldns_buffer_free(out);
}

/* C0, DEL and C1, each as its UTF-8. */
Test(fields, control_characters_are_escaped_in_json)
{
	expect(put_json, NULL, 0, "\"\"");
	expect(put_quoted, NULL, 0, "\"\"");
	expect(put_json, "\0\x1b[2J", 5, "\"\\u0000\\u001b[2J\"");
	expect(put_json, "\x7f", 1, "\"\\u007f\"");
	for (unsigned code = 0x80; code < 0xa0; code++) {
		char octets[] = { '\xc2', (char)code }, text[16];

		snprintf(text, sizeof(text), "\"\\u%04x\"", code);
		expect(put_json, octets, 2, text);
	}
	expect(put_json, "\xc2\xa0\xc3\xa9", 4, "\"\xc2\xa0\xc3\xa9\"");
}

Test(fields, control_characters_are_escaped_in_yaml)
{
	expect(put_quoted, "\0\x1b[2J", 5, "\"\\x00\\x1b[2J\"");
	expect(put_quoted, "\x7f", 1, "\"\\x7f\"");
	expect(put_quoted, "\xc2\x9b", 2, "\"\\u009b\"");
}

/* From the right to the left, an end of a line, a tag: a form each. */
Test(fields, format_characters_are_escaped)
{
	expect(put_json, "a\xe2\x80\xaez", 5, "\"a\\u202ez\"");
	expect(put_json, "\xe2\x80\xa8\xc2\xad", 5, "\"\\u2028\\u00ad\"");
	expect(put_json, "\xf3\xa0\x81\x81", 4, "\"\\udb40\\udc41\"");
	expect(put_quoted, "a\xe2\x80\xaez", 5, "\"a\\u202ez\"");
	expect(put_quoted, "\xe2\x80\xa9\xc2\xad", 5, "\"\\u2029\\u00ad\"");
	expect(put_quoted, "\xf3\xa0\x81\x81", 4, "\"\\U000e0041\"");
	expect(put_json, "\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"");
}

Test(fields, what_is_no_utf8_is_escaped)
{
	expect(put_json, "\x9b\xc2", 2, "\"\\ufffd\\ufffd\"");
	expect(put_quoted, "\x9b\xc2", 2, "\"\\x9b\\xc2\"");
	/* Longer than it must be: ESC in two octets. */
	expect(put_json, "\xc0\x9b", 2, "\"\\ufffd\\ufffd\"");
}
