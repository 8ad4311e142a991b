/* SPDX-License-Identifier: Apache-2.0
 *
 * Control data: the local address of both families in both directions, sizes of
 * segments, fds; none, and control data that are cut short.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "shim/capture/ancillary.h"

static _Alignas(8) char room[256];
static struct msghdr message;

static void begin(void)
{
	memset(room, 0, sizeof(room));
	message = (struct msghdr){ .msg_control = room };
}

TestSuite(ancillary, .init = begin);

static void add(int level, int type, const void *data, size_t size)
{
	struct cmsghdr item = { CMSG_LEN(size), level, type };
	char *at = room + message.msg_controllen;

	memcpy(at, &item, sizeof(item));
	memcpy(CMSG_DATA((struct cmsghdr *)at), data, size);
	message.msg_controllen += CMSG_SPACE(size);
}

static void add_info(const char *destination, const char *source)
{
	struct in_pktinfo info = { .ipi_ifindex = 1 };

	inet_pton(AF_INET, destination, &info.ipi_addr);
	inet_pton(AF_INET, source, &info.ipi_spec_dst);
	add(IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

static void check(bool sent, const char *expected)
{
	struct address local = { .port = 53 };
	char text[INET6_ADDRSTRLEN];

	cr_assert(ancillary_local(&message, sent, &local));
	inet_ntop(local.inet6 ? AF_INET6 : AF_INET, local.octets, text,
		  sizeof(text));
	cr_assert_str_eq(text, expected);
	cr_assert_eq(local.port, 53, "the port is not its business");
}

Test(ancillary, received_has_the_destination_sent_the_source)
{
	add_info("192.0.2.1", "192.0.2.2");
	check(false, "192.0.2.1");
	check(true, "192.0.2.2");
}

/* Of IPv4 the kernel forgets where the socket is bound. */
Test(ancillary, no_address_is_none_of_ipv4)
{
	struct in6_pktinfo info6 = { .ipi6_ifindex = 1 };
	struct address local = { .port = 53, .known = true };

	add(IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	cr_assert_not(ancillary_local(&message, true, &local));
	cr_assert(local.known);
	add_info("0.0.0.0", "0.0.0.0");
	cr_assert_not(ancillary_local(&message, false, &local));
	cr_assert(local.known);
	cr_assert_not(ancillary_local(&message, true, &local));
	cr_assert(!local.known && local.port == 53);
}

Test(ancillary, passes_over_other_items)
{
	int ttl = 64;
	struct in6_pktinfo info = { .ipi6_ifindex = 1 };

	inet_pton(AF_INET6, "2001:db8::53", &info.ipi6_addr);
	add(IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	add(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	check(false, "2001:db8::53");
}

Test(ancillary, an_interface_or_a_mark_is_another_way)
{
	struct in6_pktinfo info6 = { .ipi6_ifindex = 1 };
	struct in_pktinfo info = { 0 };
	uint32_t mark = 7;
	int ttl = 64;

	cr_assert_not(ancillary_routes(&message));
	add(IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	add(IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	cr_assert_not(ancillary_routes(&message));
	add(IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	cr_assert(ancillary_routes(&message));
	begin();
	add_info("0.0.0.0", "0.0.0.0");
	cr_assert(ancillary_routes(&message));
	begin();
	add(SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	cr_assert(ancillary_routes(&message));
	message.msg_controllen = CMSG_LEN(0);
	cr_assert_not(ancillary_routes(&message), "cut short");
}

Test(ancillary, folds_mapped_addresses)
{
	struct in6_pktinfo info = { .ipi6_ifindex = 1 };

	inet_pton(AF_INET6, "::ffff:192.0.2.9", &info.ipi6_addr);
	add(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	check(false, "192.0.2.9");
}

Test(ancillary, knows_nothing_where_nothing_stands)
{
	struct address local;

	cr_assert_not(ancillary_local(&message, false, &local), "empty");
	add_info("0.0.0.0", "0.0.0.0");
	cr_assert_not(ancillary_local(&message, true, &local),
		      "the kernel is to choose");
	begin();
	add_info("192.0.2.1", "192.0.2.1");
	/* As the kernel leaves it where there was no room for more. */
	message.msg_controllen = CMSG_LEN(4);
	((struct cmsghdr *)room)->cmsg_len = CMSG_LEN(4);
	cr_assert_not(ancillary_local(&message, false, &local), "cut short");
	message.msg_control = NULL;
	cr_assert_not(ancillary_local(&message, false, &local));
}

Test(ancillary, several_datagrams_have_a_size)
{
	uint16_t sent = 60;
	int received = 1200;

	cr_assert_eq(ancillary_segment(&message), 0);
	add_info("192.0.2.1", "192.0.2.2");
	cr_assert_eq(ancillary_segment(&message), 0);
	add(SOL_UDP, UDP_SEGMENT, &sent, sizeof(sent));
	cr_assert_eq(ancillary_segment(&message), 60);
	message.msg_controllen = 0;
	add(SOL_UDP, UDP_GRO, &received, sizeof(received));
	cr_assert_eq(ancillary_segment(&message), 1200);
	message.msg_controllen--;
	cr_assert_eq(ancillary_segment(&message), 1200, "but for the padding");
	message.msg_controllen = CMSG_LEN(sizeof(received)) - 1;
	cr_assert_eq(ancillary_segment(&message), 0, "cut short");
}

static int fds_seen[4], fds_count;

static void see(int fd)
{
	fds_seen[fds_count++] = fd;
}

Test(ancillary, fds_come_along)
{
	int fds[3] = { 5, 7, 900 };

	add_info("192.0.2.1", "192.0.2.2");
	add(SOL_SOCKET, SCM_RIGHTS, fds, sizeof(fds));
	add(SOL_SOCKET, SCM_CREDENTIALS, fds, sizeof(fds));
	ancillary_fds(&message, see);
	cr_assert_eq(fds_count, 3);
	cr_assert_arr_eq(fds_seen, fds, sizeof(fds));
}
