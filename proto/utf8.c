/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8: decoding with every malformed, overlong and surrogate form refused.
 */
#include "proto/utf8.h"

#include <stddef.h>
#include <string.h>

#include "proto/common.h"

/* By the number of octets: the bits that mark the first octet, and the smallest
 * character that needs so many. */
static const struct {
	uint8_t mask, lead;
	uint32_t least;
} forms[] = {
	{ 0x80, 0x00, 0 },
	{ 0xe0, 0xc0, 0x80 },
	{ 0xf0, 0xe0, 0x800 },
	{ 0xf8, 0xf0, 0x10000 },
};

static bool is_scalar(uint32_t point)
{
	return point < 0xd800 || (point > 0xdfff && point <= 0x10ffff);
}

static unsigned octets_of(uint8_t first)
{
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
		if ((first & forms[i].mask) == forms[i].lead)
			return i + 1;
	return 0;
}

unsigned utf8_decode(const char *at, const char *end, uint32_t *point)
{
	const uint8_t *octet = (const uint8_t *)at;
	unsigned n = octets_of(octet[0]);
	uint32_t value;

	*point = UTF8_INVALID;
	if (n == 0 || n > (size_t)(end - at))
		return 1;
	value = octet[0] & (uint8_t)~forms[n - 1].mask;
	for (unsigned i = 1; i < n; i++) {
		if ((octet[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (octet[i] & 0x3f);
	}
	if (value < forms[n - 1].least || !is_scalar(value))
		return 1;
	*point = value;
	return n;
}

bool utf8_valid(const char *text)
{
	const char *end = text + strlen(text);
	uint32_t point;

	while (text < end) {
		text += utf8_decode(text, end, &point);
		if (point == UTF8_INVALID)
			return false;
	}
	return true;
}

struct range {
	uint32_t first, last;
};

/* `ranges` are in order: letters of ASCII come before most. */
static bool in_ranges(uint32_t point, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n && point >= ranges[i].first; i++)
		if (point <= ranges[i].last)
			return true;
	return false;
}

bool utf8_is_space(uint32_t point)
{
	static const struct range spaces[] = {
		{ 0x09, 0x0d },     { ' ', ' ' },       { 0x85, 0x85 },
		{ 0xa0, 0xa0 },     { 0x1680, 0x1680 }, { 0x2000, 0x200a },
		{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
		{ 0x3000, 0x3000 },
	};

	return in_ranges(point, spaces, ARRAY_SIZE(spaces));
}

bool utf8_is_control(uint32_t point)
{
	static const struct range controls[] = {
		{ 0x00, 0x1f },       { 0x7f, 0x9f },
		{ 0xad, 0xad },       { 0x600, 0x605 },
		{ 0x61c, 0x61c },     { 0x6dd, 0x6dd },
		{ 0x70f, 0x70f },     { 0x890, 0x891 },
		{ 0x8e2, 0x8e2 },     { 0x180e, 0x180e },
		{ 0x200b, 0x200f },   { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb },   { 0x110bd, 0x110bd },
		{ 0x110cd, 0x110cd }, { 0x13430, 0x1343f },
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f },
	};

	return in_ranges(point, controls, ARRAY_SIZE(controls));
}
