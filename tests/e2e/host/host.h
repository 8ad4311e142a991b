/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS server that answers what it is told to, at the point of its life that
 * the test is about. Each program of this directory is a table of scenes, of
 * which the command line names one.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* An argument that the kernel refuses; the other where libc itself would come to harm,
 * or do something else, with it. */
#ifndef HOST_BAD
#define HOST_BAD(bad, good) (bad)
#endif

struct scene {
	const char *name;
	void (*play)(void);
};

/* Which step failed, and an exit status that no scene has. */
#define MUST(step)                                                          \
	do {                                                                \
		if (!(step)) {                                              \
			dprintf(STDOUT_FILENO, "%s:%d: %s: %m\n", __FILE__, \
				__LINE__, #step);                           \
			_exit(99);                                          \
		}                                                           \
	} while (0)

static inline struct sockaddr_in host_address(const char *text, int port)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(port) };

	MUST(inet_pton(AF_INET, text, &name.sin_addr) == 1);
	return name;
}

/* At a place in the stack that is deeper than a call into libc reaches. */
static __attribute__((noinline, unused)) void host_wait_deep(
	void (*ready)(void))
{
	volatile char frame[8000];

	frame[0] = 0;
	ready();
	while (!frame[0])
		pause();
}

/* In 5 ms, and then every so often, SIGUSR1 comes, and is handled so. */
static inline void host_interrupt(void (*handler)(int), long again_ns)
{
	struct itimerspec spec = { .it_value.tv_nsec = 5000000,
				   .it_interval.tv_nsec = again_ns };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR1 };
	timer_t timer;

	signal(SIGUSR1, handler);
	MUST(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	MUST(!timer_settime(timer, 0, &spec, NULL));
}

static inline int host_socket_at(int type, int port)
{
	struct sockaddr_in name = host_address(ADDRESS, port);
	int fd = socket(AF_INET, type, 0), on = 1;

	MUST(fd >= 0);
	MUST(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	MUST(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
	MUST(type != SOCK_STREAM || !listen(fd, 100));
	return fd;
}

static inline int host_socket(int type)
{
	return host_socket_at(type, 53);
}

static inline int host_udp(void)
{
	return host_socket(SOCK_DGRAM);
}

/* Answers one query with itself. */
static inline void host_answer(int fd)
{
	unsigned char message[4096];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n;

	do
		n = recvfrom(fd, message, sizeof(message), 0,
			     (struct sockaddr *)&from, &size);
	while (n < 0 && errno == EINTR);
	MUST(n >= 12);
	message[2] |= 0x80;
	MUST(sendto(fd, message, n, 0, (struct sockaddr *)&from, size) == n);
}

static inline void host_serve(int fd, int queries)
{
	while (queries-- > 0)
		host_answer(fd);
}

/* Answers queries of a connection, the octets read in pieces of `piece` at the
 * most, until the client ends it. `between` is called before each piece. */
static inline void host_serve_tcp(int fd, size_t piece, void (*between)(int))
{
	unsigned char stream[65537];
	size_t have = 0;

	for (;;) {
		size_t end = 2 + (stream[0] << 8 | stream[1]);

		if (have >= 2 && have >= end) {
			stream[4] |= 0x80;
			MUST(write(fd, stream, end) == (ssize_t)end);
			memmove(stream, stream + end, have - end);
			have -= end;
			continue;
		}
		if (between)
			between(fd);
		size_t room = sizeof(stream) - have;
		ssize_t n =
			read(fd, stream + have, room < piece ? room : piece);
		MUST(n >= 0);
		if (!n)
			return;
		have += n;
	}
}

/* A number that processes share. */
static inline _Atomic int *host_shared(int value)
{
	_Atomic int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	MUST(shared != MAP_FAILED);
	atomic_store(shared, value);
	return shared;
}

/* Several at once answer until `left` queries have been answered. */
static inline void host_serve_shared(int fd, _Atomic int *left)
{
	while (atomic_fetch_sub(left, 1) > 0)
		host_answer(fd);
}

/* Waits for a child (-1: any), whose exit status must be this. */
static inline void host_await(pid_t child, int expected)
{
	int status;

	MUST(waitpid(child, &status, 0) > 0);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

static inline void host_play(const struct scene *scenes, size_t count,
			     const char *name)
{
	for (size_t i = 0; name && i < count; i++) {
		if (strcmp(scenes[i].name, name) == 0) {
			scenes[i].play();
			return;
		}
	}
	fprintf(stderr, "no scene %s\n", name ? name : "named");
	_exit(98);
}

#define HOST_MAIN(scenes)                             \
	int main(int argc, char **argv)               \
	{                                             \
		host_play(scenes, ARRAY_SIZE(scenes), \
			  argc > 1 ? argv[1] : NULL); \
		return 0;                             \
	}
