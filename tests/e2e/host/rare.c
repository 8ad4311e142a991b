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

static const struct scene scenes[] = {
	{ "locals", play_locals },
	{ "discard", play_discard },
};

HOST_MAIN(scenes)
