/* SPDX-License-Identifier: Apache-2.0
 *
 * Appending to a bounded buffer, in the forms that Go and miekg/dns print, which
 * is what readers of CoreDNS's output know.
 */
#include "proto/text.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/common.h"

static bool is_continuation(char c)
{
	return (c & 0xc0) == 0x80;
}

void text_add(struct text *text, const char *data, size_t size)
{
	size_t left = text->size - text->used;

	if (text->cut)
		return;
	if (size > left) {
		text->cut = true;
		for (size = left; size > 0 && is_continuation(data[size]);)
			size--;
	}
	memcpy(text->start + text->used, data, size);
	text->used += size;
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

/* Writes at least `width` digits that end at `end`, and returns the first. */
static char *digits(char *end, uint64_t number, int width)
{
	for (; number || width > 0; number /= 10, width--)
		*--end = '0' + number % 10;
	return end;
}

void text_add_number(struct text *text, uint64_t number)
{
	char buffer[20], *end = buffer + sizeof(buffer);
	char *first = digits(end, number, 1);

	text_add(text, first, end - first);
}

void text_add_seconds(struct text *text, uint64_t nanoseconds)
{
	char fraction[10], *end = fraction + sizeof(fraction);

	text_add_number(text, nanoseconds / NS_PER_S);
	if (nanoseconds % NS_PER_S == 0)
		return;
	digits(end, nanoseconds % NS_PER_S, 9);
	fraction[0] = '.';
	while (end[-1] == '0')
		end--;
	text_add(text, fraction, end - fraction);
}

void text_add_address(struct text *text, const uint8_t *address, bool inet6)
{
	char buffer[INET6_ADDRSTRLEN];

	inet_ntop(inet6 ? AF_INET6 : AF_INET, address, buffer, sizeof(buffer));
	if (inet6)
		text_add(text, "[", 1);
	text_add_string(text, buffer);
	if (inet6)
		text_add(text, "]", 1);
}

static size_t escape(char *out, uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (c < ' ' || c > '~') {
		digits(out + 4, c, 3);
		out[0] = '\\';
		return 4;
	}
	if (!strchr(". '@;()\"\\", c)) {
		out[0] = c;
		return 1;
	}
	out[0] = '\\';
	out[1] = c;
	return 2;
}

void text_add_name(struct text *text, const uint8_t *name, size_t size)
{
	const uint8_t *end = name + size;
	char label[63 * 4 + 1];

	if (size > 0 && name[0] == 0)
		text_add(text, ".", 1);
	while (name < end && *name) {
		size_t used = 0, left = *name++;

		for (; left > 0 && name < end; left--)
			used += escape(label + used, *name++);
		label[used++] = '.';
		text_add(text, label, used);
	}
}

/* Returns the octets of the character at `p`, or 0 if it is none. */
static size_t utf8_size(const uint8_t *p, size_t size)
{
	static const struct {
		uint8_t first, last; /* of the leading octet */
		uint8_t low, high;   /* of the second: no overlong forms, no
				      * surrogates, nothing above U+10FFFF */
		uint8_t size;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (p[0] < forms[i].first || p[0] > forms[i].last)
			continue;
		if (size < forms[i].size || p[1] < forms[i].low ||
		    p[1] > forms[i].high)
			return 0;
		for (size_t k = 2; k < forms[i].size; k++) {
			if (!is_continuation(p[k]))
				return 0;
		}
		return forms[i].size;
	}
	return 0;
}

void text_make_utf8(char *data, size_t size)
{
	for (size_t i = 0, step; i < size; i += step) {
		step = utf8_size((uint8_t *)data + i, size - i);
		if (step == 0) {
			data[i] = '?';
			step = 1;
		}
	}
}
