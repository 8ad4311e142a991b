/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading DNS messages: well-formed, cut at every octet, and hostile.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/common.h"
#include "proto/dns.h"
#include "tests/unit/hex.h"

/* A response to www.example. A? with an answer, and OPT as the last record. */
static const char response_text[] =
	"1234 85b0"           /* id; QR AA RD RA AD CD */
	"0001 0001 0000 0001" /* one question, answer and additional */
	"03 'www' 07 'Example' 00 0001 0001"    /* at 12: A IN */
	"c00c 0001 0001 0000003c 0004 c0000201" /* at 29 */
	"00 0029 04d0"                          /* at 45: OPT, 1232 octets */
	"01 00 8000" /* extended RCODE 1, version 0, DO */
	"000c 0008 0008 0001 18 00 c6336400"; /* at 56: client subnet */

enum { QUESTION_AT = 12, ANSWER_AT = 29, OPTIONS_AT = 56, RESPONSE_SIZE = 68 };

static uint8_t response[sizeof(response_text)];

static void read_response(void)
{
	cr_assert_eq(hex(response_text, response), RESPONSE_SIZE);
}

/* For names with pointers. */
static uint8_t expanded[DNS_NAME_SIZE];

TestSuite(dns, .init = read_response);

/* A message of the heap's own size, so that a sanitizer sees reads beyond. */
static uint8_t *copy_of(const uint8_t *message, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, message, size);
	return copy;
}

Test(dns, header)
{
	struct dns_header h;

	dns_header_parse(response, &h);
	cr_assert_eq(h.id, 0x1234);
	cr_assert(DNS_QR(h.flags) && DNS_AA(h.flags) && !DNS_TC(h.flags));
	cr_assert(DNS_RD(h.flags) && DNS_RA(h.flags));
	cr_assert(DNS_AD(h.flags) && DNS_CD(h.flags));
	cr_assert_eq(DNS_OPCODE(h.flags), DNS_OPCODE_QUERY);
	cr_assert_eq(DNS_RCODE(h.flags), 0);
	cr_assert_eq(h.qdcount, 1);
	cr_assert_eq(h.ancount, 1);
	cr_assert_eq(h.nscount, 0);
	cr_assert_eq(h.arcount, 1);
	cr_assert_eq(DNS_OPCODE(0x2805), DNS_OPCODE_UPDATE);
	cr_assert_eq(DNS_RCODE(0x2805), 5);
}

Test(dns, question)
{
	struct dns_question q;

	cr_assert(dns_question_parse(response, RESPONSE_SIZE, &q, expanded));
	cr_assert_eq(q.name, response + QUESTION_AT);
	cr_assert_eq(q.name_size, 13);
	cr_assert_eq(q.type, 1);
	cr_assert_eq(q.class, 1);
}

Test(dns, question_cut_anywhere)
{
	struct dns_question q;

	for (size_t size = 0; size < ANSWER_AT; size++) {
		uint8_t *m = copy_of(response, size);

		cr_assert_not(dns_question_parse(m, size, &q, expanded), "%zu",
			      size);
		cr_assert_null(q.name);
		free(m);
	}
	cr_assert(dns_question_parse(response, ANSWER_AT, &q, expanded));
}

Test(dns, question_that_is_none)
{
	static const struct {
		const char *what, *message;
	} cases[] = {
		{ "no question", "0000 0000 0000 0000 0000 0000 00 0001 0001" },
		{ "pointer to itself",
		  "0000 0000 0001 0000 0000 0000 c00c 0001 0001" },
		{ "pointer to its own labels",
		  "0000 0000 0001 0000 0000 0000 01 'a' c00c 0001 0001" },
		{ "pointer to what follows",
		  "0000 0000 0001 0000 0000 0000 c010 00 01 0001" },
		{ "pointer beyond the end",
		  "0000 0000 0001 0000 0000 0000 ffff 0001 0001" },
		{ "pointer to a pointer to itself",
		  "c000 0000 0001 0000 0000 0000 c000 0001 0001" },
		{ "pointer to a pointer forward",
		  "c002 0000 0001 0000 0000 0000 c000 0001 0001" },
		{ "pointer to a label that leads back to it",
		  "0000 0000 0001 0000 0000 0001 02 c00b c00b 0001 0001" },
		{ "pointer to a reserved label type",
		  "0000 8180 0001 0000 0000 0000 c002 0001 0001" },
		{ "pointer cut off", "0000 0000 0001 0000 0000 0000 c0" },
		{ "label beyond the end",
		  "0000 0000 0001 0000 0000 0000 14 'abc' 00 0001 0001" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dns_question q;
		size_t size;
		uint8_t *m = hex_new(cases[i].message, &size);

		cr_assert_not(dns_question_parse(m, size, &q, expanded), "%s",
			      cases[i].what);
		free(m);
	}
}

/* Into the header, of which some octets are zero, or labels of a kind. */
Test(dns, question_with_pointers)
{
	static const struct {
		const char *message, *name;
	} cases[] = {
		{ "0000 0000 0001 0000 0000 0000 03 'www' 04 'test' c004 0001 0001",
		  "03 'www' 04 'test' 00" },
		{ "0000 0000 0001 0000 0000 0000 c004 0001 0001", "00" },
		{ "0261 6200 0001 0000 0000 0000 01 'x' c000 0001 0001",
		  "01 'x' 02 'ab' 00" },
		/* Two of them, and one that is the label of the other. */
		{ "01 'a' 0000 0001 c000 0000 0000 01 'b' c006 0001 0001",
		  "01 'b' 01 'a' 00" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dns_question q;
		size_t size, name_size;
		uint8_t *m = hex_new(cases[i].message, &size);
		uint8_t *name = hex_new(cases[i].name, &name_size);

		cr_assert(dns_question_parse(m, size, &q, expanded), "%zu", i);
		cr_expect_eq(q.name, expanded);
		cr_assert_eq(q.name_size, name_size, "%zu", i);
		cr_expect_arr_eq(q.name, name, name_size, "%zu", i);
		cr_expect_eq(q.type << 16 | q.class, 0x10001);
		for (size_t cut = 0; cut < size; cut++)
			cr_expect_not(dns_question_parse(m, cut, &q, expanded));
		free(name);
		free(m);
	}
}

/* 63 octets are the most; the lengths above are types that nobody uses. There
 * are octets enough that 64 and 128 could be taken for lengths. */
Test(dns, question_of_reserved_label_types)
{
	uint8_t m[300] = { [5] = 1, [12] = 63 };
	struct dns_question q;

	cr_assert(dns_question_parse(m, sizeof(m), &q, expanded));
	for (unsigned length = 64; length < 192; length++) {
		m[12] = length;
		cr_assert_not(dns_question_parse(m, sizeof(m), &q, expanded),
			      "%u", length);
	}
}

/* Four labels make 255 octets with the root label; one more is too many. */
Test(dns, question_of_the_longest_name)
{
	uint8_t m[12 + 256 + 4] = { [5] = 1 };
	struct dns_question q;

	m[12] = m[12 + 64] = m[12 + 128] = 63;
	m[12 + 192] = 61;
	cr_assert(dns_question_parse(m, sizeof(m), &q, expanded));
	cr_assert_eq(q.name_size, DNS_NAME_SIZE);
	/* The same by way of a pointer: one octet behind the longest label. */
	memcpy(m + 12 + 192 + 62, "\xc0\x00", 2);
	cr_assert(dns_question_parse(m, sizeof(m), &q, expanded));
	cr_assert_eq(q.name_size, DNS_NAME_SIZE);
	cr_assert_eq(q.name, expanded);
	m[0] = 1;
	cr_assert_not(dns_question_parse(m, sizeof(m), &q, expanded));
	m[12 + 192] = 62;
	m[0] = m[12 + 192 + 63] = m[12 + 192 + 64] = 0;
	cr_assert_not(dns_question_parse(m, sizeof(m), &q, expanded));
}

Test(dns, edns)
{
	struct dns_edns e;

	cr_assert(dns_edns_parse(response, RESPONSE_SIZE, &e));
	cr_assert(e.present && e.dnssec_ok);
	cr_assert_eq(e.udp_size, 1232);
	cr_assert_eq(e.rcode_high, 1);
	cr_assert_eq(e.version, 0);
	cr_assert_eq(e.options_size, 12);
	cr_assert_eq(e.options, response + OPTIONS_AT);
}

Test(dns, edns_cut_anywhere)
{
	struct dns_edns e;

	for (size_t size = 0; size < RESPONSE_SIZE; size++) {
		uint8_t *m = copy_of(response, size);

		cr_assert_not(dns_edns_parse(m, size, &e), "%zu", size);
		cr_assert_not(e.present);
		free(m);
	}
}

Test(dns, edns_only_among_the_additional_records)
{
	uint8_t m[RESPONSE_SIZE];
	struct dns_edns e;

	memcpy(m, response, sizeof(m));
	m[7] = 2; /* OPT has become an answer */
	m[11] = 0;
	cr_assert_not(dns_edns_parse(m, sizeof(m), &e));
	m[7] = 1; /* counted by nobody */
	cr_assert_not(dns_edns_parse(m, sizeof(m), &e));
	m[9] = 0xff; /* authority records that do not exist */
	m[11] = 1;
	cr_assert_not(dns_edns_parse(m, sizeof(m), &e));
}

/* Pointers that lead in a circle, and counts that promise 262,140 records. */
Test(dns, edns_of_a_hostile_message_is_found_quickly)
{
	static uint8_t m[65535];
	struct dns_edns e;

	memset(m, 0xc0, sizeof(m));
	for (int i = 0; i < 1000; i++)
		cr_assert_not(dns_edns_parse(m, sizeof(m), &e));
	memset(m + 4, 0xff, 8);
	memset(m + 12, 0, sizeof(m) - 12);
	for (int i = 0; i < 1000; i++)
		cr_assert_not(dns_edns_parse(m, sizeof(m), &e));
}

/* What dnsdist adds: protocol, addresses and ports. */
Test(dns, client_subnet_mask_knows_xpf)
{
	size_t size;
	uint8_t *m = hex_new("0000 0000 0000 0000 0000 0001"
			     "00 ff8e 0001 00000000 000e"
			     "04 11 c0000201 c0000235 1000 0035",
			     &size);

	cr_assert_not(dns_client_subnet_mask(m, size, 24, 56));
	m[14] = 0x8f;
	cr_assert(dns_client_subnet_mask(m, size, 24, 56));
	free(m);
}

/* Masks, with 20 and 56 bits kept, a message of nothing but OPT's options.
 * Returns what remains of them, or NULL if not all could be read. */
static uint8_t *masked(const char *options, size_t *size)
{
	static const char head[] = "0000 0000 0000 0000 0000 0001"
				   "00 0029 0200 00000000 00";
	char text[256] = { 0 };
	uint8_t *m, before[22], length[128];

	snprintf(text, sizeof(text), "%s%02zx%s", head, hex(options, length),
		 options);
	m = hex_new(text, size);
	memcpy(before, m, sizeof(before));
	if (!dns_client_subnet_mask(m, *size, 20, 56)) {
		free(m);
		return NULL;
	}
	cr_assert_arr_eq(m, before, sizeof(before));
	*size -= 23;
	memmove(m, m + 23, *size);
	return m;
}

Test(dns, client_subnet_mask)
{
	static const struct {
		const char *what, *options, *masked;
	} cases[] = {
		{ "IPv4, all of it", "0008 0008 0001 20 00 cb0071ff",
		  "0008 0008 0001 20 00 cb007000" },
		{ "IPv4, fewer bits than are kept", "0008 0006 0001 10 00 cb07",
		  "0008 0006 0001 10 00 cb07" },
		{ "IPv6, behind a cookie",
		  "000a 0008 0102030405060708"
		  "0008 000c 0002 40 00 20010db801020304",
		  "000a 0008 0102030405060708"
		  "0008 000c 0002 40 00 20010db801020300" },
		{ "two of them",
		  "0008 0008 0001 20 00 0102ff04 0008 0008 0001 20 00 0506ff08",
		  "0008 0008 0001 20 00 0102f000"
		  "0008 0008 0001 20 00 0506f000" },
		{ "another family", "0008 0008 0003 20 00 01020304",
		  "0008 0008 0003 20 00 00000000" },
		{ "more octets than an address has",
		  "0008 000c 0001 20 00 0102030405060708",
		  "0008 000c 0001 20 00 0102000000000000" },
		{ "no address", "0008 0004 0001 0000", "0008 0004 0001 0000" },
		{ "no prefix", "0008 0002 0001", "0008 0002 0001" },
		{ "no option", "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t size, expected_size;
		uint8_t *out = masked(cases[i].options, &size);
		uint8_t *expected = hex_new(cases[i].masked, &expected_size);

		cr_assert_not_null(out, "%s", cases[i].what);
		cr_assert_eq(size, expected_size, "%s", cases[i].what);
		cr_assert_arr_eq(out, expected, size, "%s", cases[i].what);
		free(out);
		free(expected);
	}
}

Test(dns, client_subnet_mask_keeps_every_prefix)
{
	for (unsigned bits = 0; bits <= 32; bits++) {
		size_t size;
		uint8_t *m = hex_new("0000 0000 0000 0000 0000 0001"
				     "00 0029 0200 00000000 000c"
				     "0008 0008 0001 20 00 ffffffff",
				     &size);
		const uint8_t *address = m + size - 4;
		uint32_t kept = (uint32_t)(0xffffffffull << (32 - bits));

		cr_assert(dns_client_subnet_mask(m, size, bits, 0));
		for (int i = 0; i < 4; i++)
			cr_assert_eq(address[i], kept >> (24 - 8 * i) & 0xff,
				     "%u bits", bits);
		free(m);
	}
}

Test(dns, client_subnet_mask_in_any_section)
{
	uint8_t m[RESPONSE_SIZE];

	memcpy(m, response, sizeof(m));
	m[7] = 2;
	m[11] = 0;
	cr_assert(dns_client_subnet_mask(m, sizeof(m), 8, 0));
	cr_assert_arr_eq(m + sizeof(m) - 4, ((uint8_t[]){ 198, 0, 0, 0 }), 4);
}

Test(dns, client_subnet_mask_says_what_it_could_not_read)
{
	size_t n;

	cr_assert_null(masked("0008 0009 0001 20 00 01020304", &n));
	cr_assert_null(masked("0008 00", &n));
	cr_assert_null(masked("4f44 0004 c0000201", &n), "Umbrella's");
	cr_assert_null(masked("fde9 0006 020000000001", &n), "a MAC address");
	response[11] = 0; /* OPT is there, and counted by nobody */
	cr_assert_not(dns_client_subnet_mask(response, RESPONSE_SIZE, 24, 56));
	response[11] = 1;
	for (size_t size = 0; size < RESPONSE_SIZE; size++) {
		uint8_t *m = copy_of(response, size);

		cr_assert_not(dns_client_subnet_mask(m, size, 24, 56), "%zu",
			      size);
		free(m);
	}
}
