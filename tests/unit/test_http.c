/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections come and go, and their memory with them.
 */
#include "tests/unit/http_case.h"

#include "shim/capture/pool.h"

Test(http, connections_are_bounded)
{
	static http_name names[HTTP_CONNECTIONS];

	for (int i = 0; i < HTTP_CONNECTIONS; i++) {
		cr_assert_neq(names[i] = http_open(i % 2), 0);
		cr_assert_lt(names[i], 1 << POOL_NAME_BITS);
	}
	cr_assert_eq(http_open(HTTP_2), 0);
	http_close(names[7]);
	cr_assert_eq(http_open(HTTP_1), 0, "one direction is open still");
	http_close(names[7]);
	cr_assert_eq(http_open(HTTP_1), names[7]);
	http_close(0);
}

static size_t count(enum pool_class class)
{
	size_t n = 0;

	while (pool_take(class))
		n++;
	return n;
}

/* What is half through when a connection ends comes back. */
Test(http, nothing_is_kept_of_a_connection)
{
	static const char
		post[] = "POST / HTTP/1.1\r\nContent-Length: 5000\r\n"
			 "Content-Type: application/dns-message\r\n"
			 "\r\nhalf",
		get[] = "GET /?dns=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct http_told told = { .size = 0 };

	for (int n = 0; n < 20000; n++) {
		http_name name = http_open(HTTP_1);
		http_feed(name, true, n % 2 ? post : get,
			  strlen(n % 2 ? post : get), &told);
		http_end(name);
	}
	cr_assert_str_eq(told.text, "");
	cr_assert_eq(count(POOL_SMALL), 8192);
}
