/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that has functions of libc's names itself, each of which calls libc's by
 * another name of it. Erlang's emulator does so with sigaction.
 */
#include <dlfcn.h>

#include "host.h"

#define EACH 40

static _Thread_local int depth;

/* Bare, nothing of libc's leads back here. */
#define OWN(type, name, other, parameters, ...)                             \
	type name parameters                                                \
	{                                                                   \
		static type(*_Atomic next) parameters;                      \
                                                                            \
		if (!next)                                                  \
			next = (type(*) parameters)dlsym(RTLD_NEXT, other); \
		if (depth++ > 20)                                           \
			abort();                                            \
		type result = next(__VA_ARGS__);                            \
		depth--;                                                    \
		return result;                                              \
	}

typedef void (*handler)(int number);

OWN(int, sigaction, "__sigaction",
    (int number, const struct sigaction *action, struct sigaction *before),
    number, action, before)
OWN(handler, signal, "ssignal", (int number, handler set), number, set)
OWN(int, close, "__close", (int fd), fd)
OWN(int, dup2, "__dup2", (int from, int to), from, to)
OWN(int, connect, "__connect",
    (int fd, const struct sockaddr *name, socklen_t size), fd, name, size)
OWN(ssize_t, read, "__read", (int fd, void *buffer, size_t size), fd, buffer,
    size)
OWN(ssize_t, write, "__write", (int fd, const void *buffer, size_t size), fd,
    buffer, size)
OWN(ssize_t, send, "__send",
    (int fd, const void *buffer, size_t size, int flags), fd, buffer, size,
    flags)

static void handle(int number)
{
	(void)number;
}

static void set_signals(void)
{
	const struct sigaction action = { .sa_handler = handle };

	MUST(!sigaction(SIGTERM, &action, NULL));
	MUST(signal(SIGTERM, SIG_DFL) == handle);
}

/* Nobody listens there. */
static void connect_nowhere(void)
{
	struct sockaddr_in name = host_address(ADDRESS, 1);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	MUST(connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 &&
	     errno == ECONNREFUSED);
	MUST(dup2(fd, 100) == 100 && !close(fd) && !close(100));
}

static void play_own(void)
{
	int listener = host_socket(SOCK_STREAM);

	set_signals();
	connect_nowhere();
	host_serve(host_udp(), EACH);
	for (int i = 0; i < EACH / 10; i++) {
		int fd = accept(listener, NULL, NULL);

		host_serve_tcp(fd, 4096, NULL);
		MUST(!send(fd, "", 0, 0) && !close(fd));
	}
}

static const struct scene scenes[] = {
	{ "own", play_own },
};

HOST_MAIN(scenes)
