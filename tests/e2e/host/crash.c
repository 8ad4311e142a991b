/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that one query kills.
 */
#include "host.h"

static void play_served(void)
{
	struct sockaddr_in client;
	unsigned char message[512];
	int fd = host_udp();

	for (;;) {
		socklen_t size = sizeof(client);
		ssize_t n = recvfrom(fd, message, sizeof(message), 0,
				     (struct sockaddr *)&client, &size);

		MUST(n > 12);
		if (memmem(message, n, "\4boom", 5))
			*(volatile int *)NULL = 0;
		message[2] |= 0x80;
		MUST(sendto(fd, message, n, 0, (struct sockaddr *)&client,
			    size) == n);
	}
}

static const struct scene scenes[] = {
	{ "served", play_served },
};

HOST_MAIN(scenes)
