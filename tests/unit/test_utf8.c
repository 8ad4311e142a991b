/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8: each form at its bounds, and every text that is none.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "proto/common.h"
#include "proto/utf8.h"

static void expect(const char *octets, size_t size, uint32_t point)
{
	uint32_t found = 0;
	unsigned taken = utf8_decode(octets, octets + size, &found);

	cr_expect_eq(found, point, "U+%04X, not U+%04X", found, point);
	cr_expect_eq(taken, point == UTF8_INVALID ? 1 : size);
}

Test(utf8, first_and_last_of_each_size)
{
	expect("\0", 1, 0);
	expect("\x7f", 1, 0x7f);
	expect("\xc2\x80", 2, 0x80);
	expect("\xdf\xbf", 2, 0x7ff);
	expect("\xe0\xa0\x80", 3, 0x800);
	expect("\xed\x9f\xbf", 3, 0xd7ff);
	expect("\xee\x80\x80", 3, 0xe000);
	expect("\xef\xbf\xbf", 3, 0xffff);
	expect("\xf0\x90\x80\x80", 4, 0x10000);
	expect("\xf4\x8f\xbf\xbf", 4, 0x10ffff);
}

/* Overlong, surrogate, too high, cut off, out of place: one octet is taken. */
Test(utf8, what_is_none)
{
	static const char *const texts[] = {
		"\x80",
		"\xbf",
		"\xc0\xaf",
		"\xc1\xbf",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xc3(",
		"\xe2(\xa1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		expect(texts[i], strlen(texts[i]), UTF8_INVALID);
		cr_expect_not(utf8_valid(texts[i]));
	}
	cr_expect(utf8_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
}

/* The first and the last of each range, and their neighbours. */
Test(utf8, what_shows_nothing)
{
	static const uint32_t ranges[][2] = {
		{ 0, 0x1f },          { 0x7f, 0x9f },       { 0xad, 0xad },
		{ 0x600, 0x605 },     { 0x200b, 0x200f },   { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb },
		{ 0x1d173, 0x1d17a }, { 0xe0020, 0xe007f },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		uint32_t first = ranges[i][0], last = ranges[i][1];

		cr_expect(utf8_is_control(first), "U+%04X", first);
		cr_expect(utf8_is_control(last), "U+%04X", last);
		cr_expect(!first || !utf8_is_control(first - 1), "U+%04X",
			  first);
		cr_expect_not(utf8_is_control(last + 1), "U+%04X", last);
	}
}
