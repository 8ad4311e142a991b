/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that do what few do.
 */
#include "host.h"

#define EACH 40

/* More than the stack of a thread that needs little of it. */
static _Thread_local volatile char locals[1 << 20];

static void play_locals(void)
{
	locals[0] = 1;
	host_serve(host_udp(), EACH);
}

/* Octets are looked at, then taken out of the stream unread: tcp(7). */
static void play_discard(void)
{
	int fd = accept(host_socket(SOCK_STREAM), NULL, NULL);
	unsigned char message[4096];
	ssize_t n;

	MUST(fd >= 0);
	while ((n = recv(fd, message, sizeof(message), MSG_PEEK)) > 0) {
		ssize_t end = 2 + (message[0] << 8 | message[1]);

		if (n < end)
			continue;
		MUST(recv(fd, NULL, end, MSG_TRUNC) == end);
		message[4] |= 0x80;
		MUST(write(fd, message, end) == end);
	}
}

/* Whether anything is there to be discarded or not. */
static void discard_nothing(int fd)
{
	MUST(recv(fd, NULL, 0, MSG_TRUNC | MSG_DONTWAIT) <= 0);
}

static void play_discard_nothing(void)
{
	int fd = accept(host_socket(SOCK_STREAM), NULL, NULL);

	MUST(fd >= 0);
	host_serve_tcp(fd, 20, discard_nothing);
}

/* Flags that are for receiving, and octets that are urgent: all of them cross. */
static const int flags[] = { MSG_PEEK, MSG_ERRQUEUE, MSG_OOB, 0 };

static void play_flags(void)
{
	struct sockaddr_in to = host_address(ADDRESS, 5300);
	unsigned char message[14] = { 0, 12, 0, 0, 0x80 };
	int udp = host_udp();
	int fd = accept(host_socket(SOCK_STREAM), NULL, NULL);

	MUST(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		message[3] = i;
		MUST(send(fd, message, 14, flags[i]) == 14);
		message[3] = 10 + i;
		MUST(sendto(udp, message + 2, 12, flags[i],
			    (struct sockaddr *)&to,
			    sizeof(to)) == (flags[i] == MSG_OOB ? -1 : 12));
	}
	MUST(!shutdown(fd, SHUT_WR));
	while (read(fd, message, sizeof(message)) > 0)
		;
}

static const struct scene scenes[] = {
	{ "locals", play_locals },
	{ "discard", play_discard },
	{ "discard_nothing", play_discard_nothing },
	{ "flags", play_flags },
};

HOST_MAIN(scenes)
