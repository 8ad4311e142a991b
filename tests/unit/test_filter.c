/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters: their words, and which messages they want.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "proto/common.h"
#include "proto/filter/filter.h"

#define QUERY    "1234 0100 0001 0000 0000 0000 "
#define ANSWER   "1234 8180 0001 0000 0000 0000 "
#define NXDOMAIN "1234 8183 0001 0000 0000 0000 "
#define EXTENDED "1234 8180 0001 0000 0000 0001 "
#define WWW_A    "03 'wWw' 07 'Example' 03 'com' 00 0001 0001 "
#define BADVERS  "00 0029 04d0 01 00 0000 0000 " /* an OPT record */

/* The keys of conditions, "not " before one of them, and their words. */
static void add(struct filter *filter, const char *text)
{
	char copy[256], *at = copy, *word;
	bool except = !strncmp(text, "not ", 4);
	enum filter_key key = 0;

	snprintf(copy, sizeof(copy), "%s", text + (except ? 4 : 0));
	word = strsep(&at, " ");
	while (strcmp(filter_key_name(key), word))
		cr_assert_lt(++key, FILTER_KEYS, "%s", text);
	while ((word = strsep(&at, " ")))
		cr_assert_eq(
			filter_add(except ? &filter->except : &filter->only,
				   key, word),
			0, "%s", word);
}

static bool wants(const struct filter *filter,
		  const struct filter_message *message)
{
	return filter_wants_question(filter, message) &&
	       filter_wants_response(filter, message);
}

/* Of a message of the client 192.0.2.7, of 100 ms if it is a response. */
static void expect(const char *condition, const char *octets, bool wanted)
{
	struct filter filter = { 0 };
	uint8_t payload[256];
	struct filter_message message = {
		.payload = payload,
		.client = { .octets = { 192, 0, 2, 7 }, .known = true },
	};

	message.size = hex(octets, payload);
	message.response = message.timed = payload[2] >> 7;
	message.duration_ns = 100 * NS_PER_MS;
	add(&filter, condition);
	cr_expect_eq(wants(&filter, &message), wanted, "%s: %s", condition,
		     octets);
	filter_release(&filter);
}

/* Also its opposite. */
static void expect_both(const char *condition, const char *octets, bool wanted)
{
	char opposite[256];

	snprintf(opposite, sizeof(opposite), "not %s", condition);
	expect(condition, octets, wanted);
	expect(opposite, octets, !wanted);
}

Test(filter, by_name)
{
	static const struct {
		const char *condition;
		bool wanted;
	} cases[] = {
		{ "name www.example.com", true },
		{ "name WWW.example.COM.", true },
		{ "name ww\\119.\\101xample.com", true },
		{ "name example.com", false },
		{ "name *.example.com", true },
		{ "name *.com a.b", true },
		{ "name *.", true },
		{ "name .", false },
		{ "name *.www.example.com", false },
		{ "name *.ww.example.com w.example.com", false },
		{ "name *.ample.com", false }, /* no end of a label */
		{ "name wwww.example.com", false },
		{ "name www.example.com.x", false },
		{ "name \\042.example.com", false }, /* an asterisk itself */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_both(cases[i].condition, QUERY WWW_A, cases[i].wanted);
		expect_both(cases[i].condition, ANSWER WWW_A, cases[i].wanted);
	}
	expect_both("name .", QUERY "00 0002 0001", true);
	expect_both("name *.", QUERY "00 0002 0001", false);
	/* A pointer to a zero of the header, as some servers understand it. */
	expect_both("name *.test", QUERY "01 'a' 04 'test' c006 0001 0001",
		    true);
	expect_both("name a", QUERY "01 'a' c006 0001 0001", true);
	/* Without a question there is none of the names. */
	expect_both("name www.example.com *.", QUERY, false);
	expect_both("qtype A None", QUERY, false);
}

Test(filter, by_type_and_client)
{
	expect_both("qtype AAAA a", QUERY WWW_A, true);
	expect_both("qtype TYPE1", ANSWER WWW_A, true);
	expect_both("qtype NS TYPE257", QUERY WWW_A, false);
	expect_both("client 192.0.2.0/24", QUERY WWW_A, true);
	expect_both("client 192.0.2.4/30 10.0.0.0/8", QUERY WWW_A, true);
	expect_both("client ::ffff:192.0.2.7", QUERY WWW_A, true);
	expect_both("client 192.0.2.6", QUERY WWW_A, false);
	expect_both("client 0.0.0.0/0", QUERY WWW_A, true);
	expect_both("client ::/0", QUERY WWW_A, false);
}

Test(filter, by_what_a_response_is)
{
	expect_both("rcode NXDOMAIN SERVFAIL", NXDOMAIN WWW_A, true);
	expect_both("rcode noerror", ANSWER WWW_A, true);
	expect_both("rcode BADVERS", EXTENDED WWW_A BADVERS, true);
	expect_both("rcode 16", EXTENDED WWW_A BADVERS, true);
	expect_both("rcode NOERROR", EXTENDED WWW_A BADVERS, false);
	expect_both("rsize 33", ANSWER WWW_A, true);
	expect_both("rsize 34", ANSWER WWW_A, false);
	expect_both("duration 100ms", ANSWER WWW_A, true);
	expect_both("duration 100001us", ANSWER WWW_A, false);
	/* A query has nothing of it. */
	expect_both("rcode NOERROR", QUERY WWW_A, false);
	expect_both("rsize 1", QUERY WWW_A, false);
	expect_both("duration 1us", QUERY WWW_A, false);
}

/* Nor has a message that was not sent along, or a client that is not known. */
Test(filter, what_is_not_known_is_not_met)
{
	static const char *const conditions[] = {
		"name *.", "qtype A", "client 0.0.0.0/0 ::/0",
		"rcode 0", "rsize 1", "duration 1us",
	};

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		const struct filter_message unknown = { .response = true };
		struct filter filter = { 0 };
		char opposite[64];

		add(&filter, conditions[i]);
		cr_expect(!wants(&filter, &unknown), "%s", conditions[i]);
		filter_release(&filter);
		snprintf(opposite, sizeof(opposite), "not %s", conditions[i]);
		add(&filter, opposite);
		cr_expect(wants(&filter, &unknown), "%s", opposite);
		filter_release(&filter);
	}
}

Test(filter, all_conditions_have_to_hold)
{
	struct filter filter = { 0 };
	uint8_t payload[64];
	struct filter_message message = { .payload = payload };

	message.size = hex(QUERY WWW_A, payload);
	cr_expect(filter_is_empty(&filter));
	cr_expect(wants(&filter, &message));
	add(&filter, "name *.com");
	add(&filter, "qtype A");
	cr_expect(wants(&filter, &message));
	add(&filter, "not name *.www.example.com");
	cr_expect(wants(&filter, &message));
	add(&filter, "not name www.example.com");
	cr_expect(!wants(&filter, &message));
	filter_release(&filter);
	cr_expect(filter_is_empty(&filter));
}

Test(filter, words_are_shown_as_they_are_read)
{
	static const struct {
		enum filter_key key;
		const char *word, *shown;
	} cases[] = {
		{ FILTER_NAME, "Example.COM", "example.com." },
		{ FILTER_NAME, "*.a_b-c.", "*.a_b-c." },
		{ FILTER_NAME, ".", "." },
		{ FILTER_NAME, "*.", "*." },
		{ FILTER_NAME, "\\*.\\.\\\"\\032\\;.x",
		  "\\042.\\046\\034\\032\\059.x." },
		{ FILTER_QTYPE, "aaaa", "AAAA" },
		{ FILTER_QTYPE, "type65534", "TYPE65534" },
		{ FILTER_QTYPE, "TYPE28", "AAAA" },
		{ FILTER_CLIENT, "192.0.2.1/32", "192.0.2.1" },
		{ FILTER_CLIENT, "2001:DB8:0::/32", "2001:db8::/32" },
		{ FILTER_CLIENT, "::ffff:10.0.0.0/104", "10.0.0.0/8" },
		{ FILTER_RCODE, "16", "BADVERS" },
		{ FILTER_RCODE, "servfail", "SERVFAIL" },
		{ FILTER_RCODE, "4095", "4095" },
		{ FILTER_RSIZE, "65535", "65535" },
		{ FILTER_DURATION, "1500000us", "1500ms" },
		{ FILTER_DURATION, "3600s", "3600s" },
		{ FILTER_DURATION, "7us", "7us" },
	};
	char shown[FILTER_WORD_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = { 0 };

		cr_assert_eq(
			filter_add(&filter.only, cases[i].key, cases[i].word),
			0, "%s", cases[i].word);
		cr_assert(filter_word(&filter.only, cases[i].key, 0, shown));
		cr_expect_str_eq(shown, cases[i].shown);
		cr_expect(!filter_word(&filter.only, cases[i].key, 1, shown));
		filter_release(&filter);
	}
}

Test(filter, wrong_words_are_refused)
{
	static const struct {
		enum filter_key key;
		const char *word;
	} cases[] = {
		{ FILTER_NAME, "" },
		{ FILTER_NAME, "*" },
		{ FILTER_NAME, ".." },
		{ FILTER_NAME, ".a" },
		{ FILTER_NAME, "a..b" },
		{ FILTER_NAME, "a b" },
		{ FILTER_NAME, "\\" },
		{ FILTER_NAME, "a\\25" },
		{ FILTER_NAME, "\\256" },
		{ FILTER_NAME, "m\xc3\xbcller.de" },
		{ FILTER_QTYPE, "" },
		{ FILTER_QTYPE, "TYPE" },
		{ FILTER_QTYPE, "TYPE65536" },
		{ FILTER_QTYPE, "1" },
		{ FILTER_QTYPE, "AAAAA" },
		{ FILTER_CLIENT, "" },
		{ FILTER_CLIENT, "/8" },
		{ FILTER_CLIENT, "10.0.0.0/" },
		{ FILTER_CLIENT, "10.0.0.0/33" },
		{ FILTER_CLIENT, "10.0.0.0/8/8" },
		{ FILTER_CLIENT, "10.0.0.1/8" },
		{ FILTER_CLIENT, "10.0.0" },
		{ FILTER_CLIENT, "2001:db8::/129" },
		{ FILTER_CLIENT, "2001:db8::1/64" },
		{ FILTER_CLIENT, "::ffff:10.0.0.0/95" },
		{ FILTER_RCODE, "4096" },
		{ FILTER_RCODE, "-1" },
		{ FILTER_RCODE, "NXDOMIAN" },
		{ FILTER_RSIZE, "0" },
		{ FILTER_RSIZE, "65536" },
		{ FILTER_RSIZE, "5x" },
		{ FILTER_RSIZE, "18446744073709551617" },
		{ FILTER_DURATION, "5" },
		{ FILTER_DURATION, "ms" },
		{ FILTER_DURATION, "0ms" },
		{ FILTER_DURATION, "1.5s" },
		{ FILTER_DURATION, "3601s" },
		{ FILTER_DURATION, "5m" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = { 0 };

		cr_expect_eq(
			filter_add(&filter.only, cases[i].key, cases[i].word),
			-EINVAL, "%s", cases[i].word);
		cr_expect(filter_is_empty(&filter));
		filter_release(&filter);
	}
}

/* Of 255 octets at most, and labels of 63. */
Test(filter, long_names)
{
	char label[65], text[300] = "";
	struct names names = { 0 };

	memset(label, 'a', 64);
	label[64] = '\0';
	cr_expect_eq(names_add(&names, label), -EINVAL);
	label[63] = '\0';
	for (int i = 0; i < 3; i++)
		sprintf(text + strlen(text), "%s.", label);
	sprintf(text + strlen(text), "%.*s", 61, label);
	cr_expect_eq(names_add(&names, text), 0);
	cr_expect_eq(names_add(&names, strcat(text, "a")), -EINVAL);
	names_release(&names);
}

/* Names of few labels out of few, so that many are equal or below each other. */
static size_t draw_name(uint8_t *wire, char *text)
{
	size_t size = 0, used = 0;

	for (int labels = 1 + rand() % 4; labels; labels--) {
		char c = 'a' + rand() % 4;

		wire[size++] = 1;
		wire[size++] = rand() % 2 ? c : c - 32;
		used += sprintf(text + used, "%c.", c);
	}
	wire[size++] = 0;
	return size;
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), tail = strlen(end);

	return size > tail && !strcmp(text + size - tail, end);
}

Test(filter, many_names)
{
	enum { NAMES = 60, LOOKUPS = 20000 };
	char texts[NAMES][16], text[16];
	struct names names = { 0 };
	uint8_t wire[16];

	srand(1);
	for (int i = 0; i < NAMES; i++) {
		bool below = rand() % 4 == 0;

		draw_name(wire, texts[i] + 2 * below);
		memcpy(texts[i], "*.", 2 * below);
		cr_assert_eq(names_add(&names, texts[i]), 0);
	}
	for (int n = 0; n < LOOKUPS; n++) {
		size_t size = draw_name(wire, text);
		bool expected = false;

		for (int i = 0; i < NAMES; i++)
			expected |= *texts[i] == '*'
					    ? ends_with(text, texts[i] + 2)
					    : !strcmp(text, texts[i]);
		cr_assert_eq(names_have(&names, wire, size), expected, "%s",
			     text);
	}
	names_release(&names);
}
