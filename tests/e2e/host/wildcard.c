/* SPDX-License-Identifier: Apache-2.0
 *
 * One IPv6 socket for everybody: IPv4 clients come as ::ffff:a.b.c.d.
 */
#include <net/if.h>
#include <stddef.h>

#include "host.h"

#define QUERIES 40

static int everybody(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
				     .sin6_port = htons(53) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), off = 0;

	MUST(fd >= 0);
	MUST(!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)));
	MUST(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	return fd;
}

/* Answers with what it was given, control data and all: from the address that
 * was asked. */
static void answer(int fd)
{
	unsigned char octets[4096], control[256];
	struct sockaddr_in6 from;
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &message, 0);

	MUST(n >= 12);
	octets[2] |= 0x80;
	iov.iov_len = n;
	MUST(sendmsg(fd, &message, 0) == n);
}

static void play_not_asking(void)
{
	int fd = everybody();

	for (int i = 0; i < QUERIES; i++)
		answer(fd);
}

static void play_asking(void)
{
	int fd = everybody(), on = 1;

	MUST(!setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)));
	for (int i = 0; i < QUERIES; i++)
		answer(fd);
}

/* Asks, from a socket that is not bound to an address, in a way that may be another
 * than that of all others. */
#define SIZE 12

static void ask(int fd, int id, int level, int type, const void *data,
		size_t size)
{
	struct sockaddr_in to = host_address("192.0.2.1", 53);
	unsigned char query[SIZE] = { 0, id, 1 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16)] = { 0 };
	struct cmsghdr *item = (struct cmsghdr *)control;
	struct iovec iov = { query, SIZE };
	struct msghdr message = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = size ? control : NULL,
		.msg_controllen = size ? CMSG_SPACE(size) : 0,
	};

	*item = (struct cmsghdr){ CMSG_LEN(size), level, type };
	if (size)
		memcpy(CMSG_DATA(item), data, size);
	MUST(sendmsg(fd, &message, 0) == SIZE);
}

static void play_ways(void)
{
	const struct {
		int level, name, value;
	} ways[] = {
		{ SOL_SOCKET, SO_MARK, 7 },
		{ SOL_SOCKET, SO_BINDTODEVICE, 0 },
		{ SOL_SOCKET, SO_BINDTOIFINDEX, if_nametoindex("lo") },
		{ IPPROTO_IP, IP_UNICAST_IF, htonl(if_nametoindex("lo")) },
	};
	struct in_pktinfo info = { .ipi_ifindex = if_nametoindex("lo") };
	struct sockaddr_in any = host_address("0.0.0.0", 0);
	int id = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (int bound = 0; bound < 3; bound++) {
			int fd = socket(AF_INET, SOCK_DGRAM, 0);

			if (bound == 1)
				MUST(!bind(fd, (struct sockaddr *)&any,
					   sizeof(any)));
			ask(fd, id++, 0, 0, NULL, 0);
			MUST(!(ways[i].value
				       ? setsockopt(fd, ways[i].level,
						    ways[i].name,
						    &ways[i].value, sizeof(int))
				       : setsockopt(fd, ways[i].level,
						    ways[i].name, "lo", 3)));
			/* As one that another program has made. */
			if (bound == 2)
				fd = dup(fd);
			ask(fd, id++, 0, 0, NULL, 0);
		}
	int fd = socket(AF_INET, SOCK_DGRAM, 0), mark = 7;
	ask(fd, id++, 0, 0, NULL, 0);
	ask(fd, id++, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	ask(fd, id++, 0, 0, NULL, 0);
	ask(fd, id++, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

static const struct scene scenes[] = {
	{ "ways", play_ways },
	{ "asking", play_asking },
	{ "not_asking", play_not_asking },
};

HOST_MAIN(scenes)
