/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks an upstream server over TCP, the query in the very SYN: RFC 7413, tcp(7).
 */
#include "host.h"

#include <netinet/tcp.h>

#define QUERIES 20

static const struct sockaddr_in *upstream(void)
{
	static struct sockaddr_in name = { .sin_family = AF_INET };

	name.sin_port = htons(53);
	MUST(inet_pton(AF_INET, UPSTREAM, &name.sin_addr) == 1);
	return &name;
}

static void send_to(int fd, const void *query, size_t size)
{
	MUST(sendto(fd, query, size, MSG_FASTOPEN,
		    (const struct sockaddr *)upstream(),
		    sizeof(struct sockaddr_in)) == (ssize_t)size);
}

static void send_message(int fd, const void *query, size_t size)
{
	struct iovec parts[] = {
		{ (void *)query, 2 },
		{ (char *)query + 2, size - 2 },
	};
	struct msghdr message = {
		.msg_name = (void *)upstream(),
		.msg_namelen = sizeof(struct sockaddr_in),
		.msg_iov = parts,
		.msg_iovlen = 2,
	};

	MUST(sendmsg(fd, &message, MSG_FASTOPEN) == (ssize_t)size);
}

/* connect() returns at once; the first write carries out both. */
static void connect_write(int fd, const void *query, size_t size)
{
	int on = 1;

	MUST(!setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on,
			 sizeof(on)));
	MUST(!connect(fd, (const struct sockaddr *)upstream(),
		      sizeof(struct sockaddr_in)));
	MUST(write(fd, query, size) == (ssize_t)size);
}

static void read_answer(int fd)
{
	unsigned char answer[4096];
	size_t have = 0;

	while (have < 2 || have < 2 + (size_t)(answer[0] << 8 | answer[1])) {
		ssize_t n = recv(fd, answer + have, sizeof(answer) - have, 0);

		MUST(n > 0);
		have += n;
	}
}

static void ask(void (*say)(int, const void *, size_t))
{
	unsigned char query[] = "\0\034\0\0\1\0\0\1\0\0\0\0\0\0"
				"\5host1\4test\0\0\1\0";

	for (int i = 1; i <= QUERIES; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		MUST(fd >= 0);
		query[3] = i;
		query[4] = i % 2; /* RD */
		query[sizeof(query) - 1] = 1;
		say(fd, query, sizeof(query));
		read_answer(fd);
		MUST(!close(fd));
	}
}

static void play_sendto(void)
{
	ask(send_to);
}

static void play_sendmsg(void)
{
	ask(send_message);
}

static void play_connect(void)
{
	ask(connect_write);
}

static const struct scene scenes[] = {
	{ "sendto", play_sendto },
	{ "sendmsg", play_sendmsg },
	{ "connect", play_connect },
};

HOST_MAIN(scenes)
