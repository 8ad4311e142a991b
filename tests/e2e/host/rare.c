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

static const struct scene scenes[] = {
	{ "locals", play_locals },
	{ "discard", play_discard },
	{ "discard_nothing", play_discard_nothing },
};

HOST_MAIN(scenes)
