/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that keeps nothing of what it has read and sent: what is found of it in
 * its memory is the library's.
 */
#include "host.h"

#define QUERIES 200

static unsigned char octets[4096];

static size_t take(int fd, struct sockaddr_in *from)
{
	socklen_t size = sizeof(*from);
	ssize_t n = recvfrom(fd, octets, sizeof(octets), 0,
			     (struct sockaddr *)from, &size);

	MUST(n >= 12);
	return n;
}

/* Another of its sockets has a datagram that is yet to be sent. */
static void play_forgets(void)
{
	int fd = host_udp(), other = socket(AF_INET, SOCK_DGRAM, 0);
	int listener = host_socket(SOCK_STREAM);
	int connection = accept(listener, NULL, NULL);
	struct sockaddr_in from, upstream = host_address(UPSTREAM, 53);

	MUST(read(connection, octets, sizeof(octets)) > 12);
	for (int i = 0; i < QUERIES; i++) {
		size_t n = take(fd, &from);

		if (!i)
			MUST(sendto(other, octets, n, MSG_MORE,
				    (struct sockaddr *)&upstream,
				    sizeof(upstream)) == (ssize_t)n);
		octets[2] |= 0x80;
		MUST(sendto(fd, octets, n, 0, (struct sockaddr *)&from,
			    sizeof(from)) == (ssize_t)n);
		explicit_bzero(octets, sizeof(octets));
	}
	for (;;)
		pause();
}

static const struct scene scenes[] = {
	{ "forgets", play_forgets },
};

HOST_MAIN(scenes)
