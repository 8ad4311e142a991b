/* SPDX-License-Identifier: Apache-2.0
 *
 * One IPv6 socket for everybody: IPv4 clients come as ::ffff:a.b.c.d.
 */
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

static const struct scene scenes[] = {
	{ "asking", play_asking },
	{ "not_asking", play_not_asking },
};

HOST_MAIN(scenes)
