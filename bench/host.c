/* SPDX-License-Identifier: Apache-2.0
 *
 * host PORT: a server that sends what it is told, to be run with the library
 * preloaded. Each line of its input, `send COUNT SIZE RATE`, makes it send COUNT
 * queries of SIZE octets from PORT of the loopback, RATE a second (0: as fast as
 * it can), and then say how many seconds that took.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/base/clock.h"

#define SIZE_MAX_UDP 4096

static const uint8_t query[] = "\0\0\1\0\0\1\0\0\0\0\0\0"
			       "\4host\5bench\4test\0\0\1\0\1";

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void wait_until(uint64_t when)
{
	struct timespec t = { when / NS_PER_S, when % NS_PER_S };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* To whom everything is sent: a socket that is never read. */
static struct sockaddr_in open_void(void)
{
	struct sockaddr_in name = loopback(0);
	socklen_t size = sizeof(name);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), least = 0;

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, size) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) ||
	    getsockname(fd, (struct sockaddr *)&name, &size))
		err(1, "socket");
	return name;
}

static void send_queries(int fd, unsigned long count, size_t size,
			 unsigned long rate)
{
	static struct sockaddr_in to;
	uint64_t began = clock_steady();
	uint8_t message[SIZE_MAX_UDP] = { 0 };

	if (!to.sin_port)
		to = open_void();
	memcpy(message, query, sizeof(query) - 1);
	for (unsigned long i = 0; i < count; i++) {
		message[0] = i >> 8;
		message[1] = i;
		if (rate)
			wait_until(began + i * NS_PER_S / rate);
		if (sendto(fd, message, size, 0, (struct sockaddr *)&to,
			   sizeof(to)) < 0)
			err(1, "sendto");
	}
	printf("sent %.6f\n", (double)(clock_steady() - began) / NS_PER_S);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned long count, size, rate;

	if (argc != 2)
		errx(64, "usage: host PORT");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name = loopback(strtoul(argv[1], NULL, 10));
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)))
		err(1, "port %s", argv[1]);
	puts("ready");
	fflush(stdout);
	while (scanf(" send %lu %lu %lu", &count, &size, &rate) == 3) {
		if (size < sizeof(query) || size > SIZE_MAX_UDP)
			errx(64, "%lu octets", size);
		send_queries(fd, count, size, rate);
	}
	return 0;
}
