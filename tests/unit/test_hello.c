/* SPDX-License-Identifier: Apache-2.0
 *
 * The hello of a TLS connection, and what no hello may be taken for.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "shim/capture/hello.h"

/* As openssl s_client and s_server send them, up to the random number and on. */
#define CLIENT "\x16\x03\x01\x01\x19\x01\x00\x01\x15\x03\x03"
#define SERVER "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"
#define RANDOM "0123456789abcdef0123456789ABCDEF"
#define RETRY                                                              \
	"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" \
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

static enum hello_record read_text(const char *text, size_t size, bool first,
				   struct hello *hello)
{
	return hello_read((const uint8_t *)text, size, first, hello);
}

Test(hello, of_both_sides)
{
	struct hello hello;

	cr_assert_eq(read_text(CLIENT RANDOM, 43, true, &hello), HELLO_FOUND);
	cr_assert(!hello.server);
	cr_assert_arr_eq(hello.random, RANDOM, HELLO_RANDOM);
	cr_assert_eq(hello.record, 5 + 0x119);
	cr_assert_eq(read_text(SERVER RANDOM, 43, true, &hello), HELLO_FOUND);
	cr_assert(hello.server);
}

Test(hello, in_pieces)
{
	struct hello hello;

	for (size_t size = 0; size < HELLO_SEEN_MAX; size++)
		cr_assert_eq(read_text(CLIENT RANDOM, size, true, &hello),
			     HELLO_MORE);
}

Test(hello, that_demands_another)
{
	struct hello hello;

	cr_assert_eq(read_text(SERVER RETRY, 43, true, &hello), HELLO_OTHER);
	cr_assert_eq(hello.record, 5 + 0x7a);
	cr_assert_eq(read_text("\x14\x03\x03\x00\x01\x01", 6, false, &hello),
		     HELLO_OTHER);
	cr_assert_eq(hello.record, 6);
	cr_assert_eq(read_text(SERVER RANDOM, 43, false, &hello), HELLO_FOUND);
}

/* Each octet of the shape counts. */
Test(hello, is_nothing_else)
{
	static const char wrong[] = "\x17\x04\x05\x41?\x03\x01??\x02\x04";
	struct hello hello;

	for (size_t i = 0; i < 11; i++) {
		char text[] = CLIENT RANDOM;

		if (wrong[i] == '?')
			continue;
		text[i] = wrong[i];
		cr_assert_eq(read_text(text, 43, true, &hello), HELLO_NOT_TLS,
			     "octet %zu", i);
		cr_assert_eq(read_text(text, i + 1, true, &hello),
			     HELLO_NOT_TLS, "octet %zu", i);
	}
	cr_assert_eq(read_text("\x14\x03\x03\x00\x01\x01", 6, true, &hello),
		     HELLO_NOT_TLS);
}

/* A response of that length, as a server may send it. */
Test(hello, is_no_response)
{
	struct hello hello;

	cr_assert_eq(read_text("\x16\x03\x12\x34\x84\x00\x00\x01\x00\x05\x00",
			       11, true, &hello),
		     HELLO_NOT_TLS);
}
