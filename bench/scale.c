/* SPDX-License-Identifier: Apache-2.0
 *
 * scale PORT: a server with as many threads and connections as there may be, to be run
 * with the library preloaded. Connections to PORT of the loopback are accepted, and
 * their queries answered, all the while. Each line of its input,
 * `send THREADS COUNT SIZE RATE`, makes so many threads send COUNT messages of SIZE
 * octets from PORT, RATE a second in all (0: as fast as they can), and then say how
 * many seconds that took, and how much processor time of theirs.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/base/clock.h"

#define THREADS_MAX 64
#define BATCH       16
#define SIZE_LIMIT  4096
#define EVENTS      256
#define BACKLOG     4096

/* A thread that sends. */
struct sender {
	pthread_t thread;
	int fd;
	unsigned long count, size, rate;
	uint64_t used_ns;
};

static struct sockaddr_in here, nowhere;

static const uint8_t response[] = "\0\0\205\0\0\1\0\0\0\0\0\0"
				  "\5scale\5bench\4test\0\0\1\0\1";

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int open_socket(int type, const struct sockaddr_in *name)
{
	int fd = socket(AF_INET, type, 0), one = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (const struct sockaddr *)name, sizeof(*name)))
		err(1, "socket");
	return fd;
}

/* To whom everything is sent: a socket that is never read. */
static void open_nowhere(void)
{
	socklen_t size = sizeof(nowhere);
	int least = 0, fd;

	nowhere = loopback(0);
	fd = open_socket(SOCK_DGRAM, &nowhere);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) ||
	    getsockname(fd, (struct sockaddr *)&nowhere, &size))
		err(1, "socket");
}

static void wait_until(uint64_t when)
{
	struct timespec t = { when / NS_PER_S, when % NS_PER_S };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void send_batch(const struct sender *sender, size_t messages)
{
	static __thread uint8_t octets[BATCH][SIZE_LIMIT];
	static __thread uint16_t id;
	struct iovec iov[BATCH];
	struct mmsghdr vector[BATCH];

	for (size_t i = 0; i < messages; i++) {
		memcpy(octets[i], response, sizeof(response) - 1);
		memcpy(octets[i], &id, sizeof(id));
		id++;
		iov[i] = (struct iovec){ octets[i], sender->size };
		vector[i].msg_hdr = (struct msghdr){
			.msg_name = &nowhere,
			.msg_namelen = sizeof(nowhere),
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
		};
	}
	if (sendmmsg(sender->fd, vector, messages, 0) != (int)messages)
		err(1, "sendmmsg");
}

static void *run_sender(void *argument)
{
	struct sender *sender = argument;
	uint64_t began = clock_steady();

	for (unsigned long i = 0; i < sender->count; i += BATCH) {
		unsigned long left = sender->count - i;

		if (sender->rate)
			wait_until(began + i * NS_PER_S / sender->rate);
		send_batch(sender, left < BATCH ? left : BATCH);
	}
	sender->used_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static void send_all(unsigned threads, unsigned long count, unsigned long size,
		     unsigned long rate)
{
	static struct sender senders[THREADS_MAX];
	uint64_t began = clock_steady(), used_ns = 0;

	for (unsigned i = 0; i < threads; i++) {
		struct sender *sender = &senders[i];

		sender->count = count / threads + (i < count % threads);
		sender->size = size;
		sender->rate = rate / threads;
		if (!sender->fd)
			sender->fd = open_socket(SOCK_DGRAM, &here);
		if (pthread_create(&sender->thread, NULL, run_sender, sender))
			errx(1, "no thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(senders[i].thread, NULL);
		used_ns += senders[i].used_ns;
	}
	printf("sent %.6f %.6f\n", (double)(clock_steady() - began) / NS_PER_S,
	       (double)used_ns / NS_PER_S);
	fflush(stdout);
}

/* Answers a query, which is sent with its length in one piece, by itself. */
static void answer(int fd)
{
	uint8_t message[2 + SIZE_LIMIT];
	ssize_t size = recv(fd, message, sizeof(message), 0);

	if (size <= 2) {
		close(fd);
		return;
	}
	message[4] |= 0x80;
	if (send(fd, message, size, MSG_NOSIGNAL) != size)
		close(fd);
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		err(1, "connection");
}

static void *serve(void *unused)
{
	int listener = open_socket(SOCK_STREAM, &here),
	    epoll = epoll_create1(0);
	struct epoll_event events[EVENTS];

	if (epoll < 0 || listen(listener, BACKLOG))
		err(1, "listen");
	watch(epoll, listener);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++)
			if (events[i].data.fd == listener)
				watch(epoll, accept(listener, NULL, NULL));
			else
				answer(events[i].data.fd);
	}
	return unused;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	unsigned long count, size, rate;
	unsigned threads;
	pthread_t server;

	if (argc != 2)
		errx(64, "usage: scale PORT");
	if (getrlimit(RLIMIT_NOFILE, &files))
		err(1, "getrlimit");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	here = loopback(strtoul(argv[1], NULL, 10));
	open_nowhere();
	if (pthread_create(&server, NULL, serve, NULL))
		errx(1, "no thread");
	puts("ready");
	fflush(stdout);
	while (scanf(" send %u %lu %lu %lu", &threads, &count, &size, &rate) ==
	       4) {
		if (!threads || threads > THREADS_MAX ||
		    size < sizeof(response) || size > SIZE_LIMIT)
			errx(64, "%u threads, %lu octets", threads, size);
		send_all(threads, count, size, rate);
	}
	return 0;
}
