/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that are refused what a tap needs: for good, or until they have
 * answered EACH queries.
 */
#include <grp.h>
#include <poll.h>
#include <sys/resource.h>

#include "host.h"

#define EACH 40
#define USER 54321 /* who has no other processes */

static void limit(int what, rlim_t value)
{
	struct rlimit limits;

	MUST(!getrlimit(what, &limits));
	limits.rlim_cur = value < limits.rlim_max ? value : limits.rlim_max;
	MUST(!setrlimit(what, &limits));
}

static void refuse_threads(void)
{
	limit(RLIMIT_NPROC, 1);
	MUST(!setgroups(0, NULL));
	MUST(!setgid(USER));
	MUST(!setuid(USER));
}

static void grant_threads(void)
{
	limit(RLIMIT_NPROC, RLIM_INFINITY);
}

static void refuse_memory(void)
{
	unsigned long pages;
	FILE *statm = fopen("/proc/self/statm", "r");

	MUST(statm && fscanf(statm, "%lu", &pages) == 1);
	fclose(statm);
	limit(RLIMIT_AS, pages * 4096 + (1 << 20));
}

static void grant_memory(void)
{
	limit(RLIMIT_AS, RLIM_INFINITY);
}

static void leave(int number)
{
	(void)number;
	exit(0);
}

/* Told by SIGTERM, which is heeded between two messages only. */
static void serve_until_told(int fd)
{
	struct pollfd query = { .fd = fd, .events = POLLIN };
	sigset_t term, none;

	signal(SIGTERM, leave);
	sigemptyset(&none);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	MUST(!sigprocmask(SIG_BLOCK, &term, NULL));
	for (;;)
		if (ppoll(&query, 1, NULL, &none) == 1)
			host_answer(fd);
}

/* The test does it. */
static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*refuse)(void), (*grant)(void);
} things[] = {
	{ "threads", refuse_threads, grant_threads },
	{ "memory", refuse_memory, grant_memory },
	{ "pids", nothing, nothing },
};

int main(int argc, char **argv)
{
	size_t thing = 0;
	int fd = host_udp();

	MUST(argc > 1);
	while (strcmp(things[thing].name, argv[1]) != 0)
		MUST(++thing < ARRAY_SIZE(things));
	things[thing].refuse();
	host_serve(fd, EACH);
	if (getenv("GRANTED"))
		things[thing].grant();
	serve_until_told(fd);
}
