/* SPDX-License-Identifier: Apache-2.0
 *
 * PROXY headers: the examples of the specification, whole and in pieces, and
 * what only looks like one.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <string.h>

#include "proto/common.h"
#include "proto/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define INET_V2   SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\x30\x39\0\x35"

static long from_text(const char *text, struct proxy *proxy)
{
	return proxy_read((const uint8_t *)text, strlen(text), proxy);
}

static void check_inet(const struct proxy *proxy)
{
	cr_assert(proxy->known);
	cr_assert_not(proxy->inet6);
	cr_assert_arr_eq(proxy->source, "\xc0\0\2\1", 4);
	cr_assert_arr_eq(proxy->destination, "\xc6\x33\x64\2", 4);
	cr_assert_eq(proxy->source_port, 12345);
	cr_assert_eq(proxy->destination_port, 53);
}

Test(proxy, reads_a_line)
{
	static const char line[] =
		"PROXY TCP4 192.0.2.1 198.51.100.2 12345 53\r\nrest";
	struct proxy proxy;

	cr_assert_eq(from_text(line, &proxy), (long)strlen(line) - 4);
	check_inet(&proxy);
	for (size_t i = 0; i < strlen(line) - 4; i++)
		cr_assert_eq(proxy_read((const uint8_t *)line, i, &proxy),
			     PROXY_MORE, "%zu octets", i);
}

Test(proxy, reads_a_line_of_inet6_and_of_nobody)
{
	struct proxy proxy;

	cr_assert_gt(
		from_text("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", &proxy), 0);
	cr_assert(proxy.known && proxy.inet6);
	cr_assert_eq(proxy.source_port, 65535);
	cr_assert_eq(proxy.source[0], 0x20);
	cr_assert_gt(from_text("PROXY UNKNOWN\r\n", &proxy), 0);
	cr_assert_not(proxy.known);
	cr_assert_gt(from_text("PROXY UNKNOWN ffff:f::1 x 1\r\n", &proxy), 0);
	cr_assert_not(proxy.known);
}

Test(proxy, refuses_what_is_no_line)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.1 198.51.100.2 12345 053\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 12345 65536\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 12345 53 \r\n",
		"PROXY TCP4  192.0.2.1 198.51.100.2 12345 53\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 12345\r\n",
		"PROXY TCP4 2001:db8::1 198.51.100.2 12345 53\r\n",
		"PROXY UDP4 192.0.2.1 198.51.100.2 12345 53\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 12345 53\rx",
		"PROXY \r\n",
		"PROX\r\n",
		"GET / HTTP/1.1\r\n",
		"PROXY UNKNOWN "
		"----------------------------------------------------------"
		"----------------------------------------------------------\r\n",
	};
	struct proxy proxy;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		cr_assert_eq(from_text(lines[i], &proxy), PROXY_NONE, "%s",
			     lines[i]);
}

Test(proxy, reads_version_2)
{
	static const uint8_t header[] = INET_V2;
	struct proxy proxy;

	cr_assert_eq(proxy_read(header, sizeof(header) - 1, &proxy), 28);
	check_inet(&proxy);
	for (size_t i = 0; i < 28; i++)
		cr_assert_eq(proxy_read(header, i, &proxy), PROXY_MORE);
}

Test(proxy, passes_over_what_follows_the_addresses)
{
	uint8_t header[] = INET_V2;
	struct proxy proxy;

	header[14] = 0x12;
	cr_assert_eq(proxy_read(header, 28, &proxy), 16 + 0x120c);
	check_inet(&proxy);
}

Test(proxy, nobody_is_named_in_a_health_check_or_by_a_path)
{
	static const uint8_t check[] = SIGNATURE "\x20\0\0\0",
			     unix_[] = SIGNATURE "\x21\x31\0\xd8";
	struct proxy proxy;

	cr_assert_eq(proxy_read(check, 16, &proxy), 16);
	cr_assert_not(proxy.known);
	cr_assert_eq(proxy_read(unix_, 16, &proxy), 16 + 216);
	cr_assert_not(proxy.known);
}

Test(proxy, refuses_what_is_no_version_2)
{
	static const struct {
		size_t at;
		uint8_t octet;
	} wrong[] = { { 11, 0 },    { 12, 0x31 }, { 12, 0x22 },
		      { 13, 0x13 }, { 13, 0x41 }, { 15, 11 } };
	struct proxy proxy;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint8_t header[] = INET_V2;
		header[wrong[i].at] = wrong[i].octet;
		cr_assert_eq(proxy_read(header, 28, &proxy), PROXY_NONE,
			     "case %zu", i);
	}
}

Test(proxy, writes_what_it_reads)
{
	static const uint8_t header[] = INET_V2;
	uint8_t written[PROXY_WRITTEN_MAX];
	struct proxy proxy, nobody = { .known = false };

	proxy_read(header, 28, &proxy);
	cr_assert_eq(proxy_write(&proxy, written), 28);
	cr_assert_arr_eq(written, header, 28);
	proxy.inet6 = true;
	cr_assert_eq(proxy_write(&proxy, written), PROXY_WRITTEN_MAX);
	cr_assert_eq(proxy_write(&nobody, written), 16);
	cr_assert_eq(proxy_read(written, 16, &proxy), 16);
}

static struct address from(const char *text)
{
	struct networks one = { 0 };

	cr_assert_eq(networks_add(&one, text), 0);
	struct address address = one.list->address;
	networks_release(&one);
	return address;
}

Test(proxy, is_believed_if_it_is_listed)
{
	struct address listed = from("192.0.2.1"), other = from("192.0.2.2"),
		       six = from("2001:db8::1"), unknown = { 0 };
	struct proxies proxies = { 0 };

	cr_assert_not(proxies_have(&proxies, &listed));
	networks_add(&proxies.networks, "192.0.2.1");
	networks_add(&proxies.networks, "2001:db8::/32");
	cr_assert(proxies_have(&proxies, &listed));
	cr_assert(proxies_have(&proxies, &six));
	cr_assert_not(proxies_have(&proxies, &other));
	cr_assert_not(proxies_have(&proxies, &unknown));
	cr_assert(proxies_have(&proxies_anybody, &unknown));
	networks_add(&proxies.networks, "0.0.0.0/0");
	networks_add(&proxies.networks, "::/0");
	cr_assert(proxies_have(&proxies, &other));
	cr_assert_not(proxies_have(&proxies, &unknown));
	proxies_release(&proxies);
	cr_assert_not(proxies_have(&proxies, &listed));
}

Test(proxy, lists_are_compared)
{
	static const char *const networks[] = { "192.0.2.0/24", "192.0.2.0/25",
						"192.0.3.0/24", "c000:200::/24",
						NULL };
	struct proxies same = { 0 };

	cr_assert_not(proxies_same(&same, &proxies_anybody));
	networks_add(&same.networks, networks[0]);
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		struct proxies other = { 0 };

		if (networks[i])
			networks_add(&other.networks, networks[i]);
		cr_assert_eq(proxies_same(&same, &other), i == 0, "%zu", i);
		proxies_release(&other);
	}
	proxies_release(&same);
}
