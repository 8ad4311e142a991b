/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS server and its client in one process, which is tapped when it says so.
 */
#pragma once

#include "host.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wrestrict" /* to oneself: allowed */

static int server, client;

/* What is left of those who have ended, too. */
static inline void drain(void)
{
	unsigned char octets[100];

	while (recv(server, octets, sizeof(octets), MSG_DONTWAIT) >= 0 ||
	       recv(client, octets, sizeof(octets), MSG_DONTWAIT) >= 0)
		;
}

static inline void connect_client(void)
{
	struct sockaddr_in name = host_address(ADDRESS, 53);

	client = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(!connect(client, (struct sockaddr *)&name, sizeof(name)));
}

static inline void ask(void)
{
	unsigned char query[40] = { 1, 2, 0, 0, 0, 1 };

	MUST(send(client, query, sizeof(query), 0) == sizeof(query));
}

/* From now on the process is tapped. */
static inline void begin(void)
{
	unsigned char answer[100];

	ask();
	host_answer(server);
	MUST(recv(client, answer, sizeof(answer), 0) == 40);
}

static inline void on_signal(int number)
{
	(void)number;
}

static inline void open_sockets(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	server = host_udp();
	connect_client();
	MUST(server == 3 && client == 4);
}

static inline unsigned long bits(const sigset_t *set)
{
	unsigned long found = 0;

	for (int i = 1; i < 64; i++)
		if (sigismember(set, i))
			found |= 1ul << i;
	return found;
}

/* A scene that needs what the emulator lacks (tests/arm64/run) is named in LACKS. */
static inline bool lacks(const char *name)
{
	const char *names = getenv("LACKS");
	size_t size = strlen(name);

	for (; names && (names = strstr(names, name)); names += size)
		if (names[-1] == ' ' && names[size] == ' ')
			return true;
	return false;
}

/* Where a scene has survived. */
#define LIVES _exit(7)

static inline int status_of(pid_t child)
{
	int status = -1;

	MUST(waitpid(child, &status, 0) == child);
	return status;
}

static inline void *wait_for_messages(void *unused)
{
	for (;;)
		host_answer(server);
	return unused;
}

static inline void with_threads(int count)
{
	pthread_t thread;

	while (count--)
		MUST(!pthread_create(&thread, NULL, wait_for_messages, NULL));
}

static inline void print_status(const char *name, int status)
{
	printf("%s: %s %d%s\n", name,
	       WIFSIGNALED(status) ? "signal" : "exit status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	       WCOREDUMP(status) ? ", with a core" : "");
}

/* Runs in a child that has begun by itself. */
static inline pid_t start(void (*play)(void))
{
	fflush(stdout);
	drain();
	pid_t child = fork();

	MUST(child >= 0);
	if (child)
		return child;
	begin();
	play();
	_exit(98);
}
