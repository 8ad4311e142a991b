/* SPDX-License-Identifier: Apache-2.0
 *
 * A program without a DNS port that gives its messages itself: from threads, signal
 * handlers and children, and where nobody takes them. Each has a number of its own, as
 * its port, and says so in its metadata.
 */
#include "host.h"

#include <sys/time.h>

#include "shim/api/dnstapshim.h"

#define THREADS 4
#define EACH    2000

static _Atomic unsigned numbers;

/* Returns what the call has. */
static int give(int tap, const char *how)
{
	uint8_t query[] = { 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };
	static const uint8_t client[] = { 192, 0, 2, 1 };
	unsigned number = 1 + atomic_fetch_add(&numbers, 1);
	struct timespec now = { .tv_sec = 1700000000, .tv_nsec = number };
	struct dnstapshim_message message = {
		.size = sizeof(message),
		.type = DNSTAPSHIM_CLIENT_QUERY,
		.family = DNSTAPSHIM_INET,
		.protocol = DNSTAPSHIM_DNSCRYPT_UDP,
		.query_address = client,
		.query_port = number,
		.query_time = &now,
		.query = query,
		.query_size = sizeof(query),
	};

	query[0] = number >> 8;
	query[1] = number;
	return dnstapshim_tap_message_with_metadata(
		tap, &message, &(struct dnstapshim_pair){ "given/how", how },
		1);
}

static void *give_each(void *how)
{
	for (int i = 0; i < EACH; i++)
		MUST(give(DNSTAPSHIM_ALL, how) == 0);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_create(&thread[i], NULL, give_each, "thread"));
	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_join(thread[i], NULL));
}

static void on_alarm(int number)
{
	(void)number;
	errno = 4711;
	MUST(give(DNSTAPSHIM_ALL, "handler") == 0);
	MUST(errno == 4711);
}

/* A timer's signals come at any instruction of what they interrupt. */
static void handlers(void)
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { 0 };

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 10; i++)
		give_each("interrupted");
	setitimer(ITIMER_REAL, &never, NULL);
}

/* The first message of a process may be one of a handler's. */
static void first(void)
{
	signal(SIGALRM, on_alarm);
	raise(SIGALRM);
	MUST(give(DNSTAPSHIM_ALL, "first") == 0);
}

static void children(void)
{
	give_each("parent");
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();

		if (!child) {
			give_each("child");
			exit(0);
		}
		MUST(waitpid(child, NULL, 0) == child);
		atomic_fetch_add(&numbers, EACH);
	}
	give_each("parent");
}

/* More than a queue holds. */
static void many(void)
{
	for (int i = 0; i < 8 * EACH; i++)
		MUST(give(DNSTAPSHIM_ALL, "many") == 0);
}

static void one_tap(void)
{
	struct dnstapshim_tap taps[4];

	MUST(dnstapshim_taps(taps, 4) == 2);
	for (int i = 0; i < 30; i++)
		MUST(give(i % 3 ? taps[1].id : taps[0].id, "one") == 0);
	MUST(give(2, "none") == -ENOENT && give(64, "none") == -ENOENT &&
	     give(-2, "none") == -ENOENT);
}

/* While an operator switches capture off and on: he is told what was given when. */
static void told(void)
{
	char line[16];

	while (fgets(line, sizeof(line), stdin)) {
		printf("%d\n", give(DNSTAPSHIM_ALL, "told"));
		fflush(stdout);
	}
}

static const struct scene scenes[] = {
	{ "threads", threads }, { "handlers", handlers },
	{ "first", first },     { "children", children },
	{ "many", many },       { "one_tap", one_tap },
	{ "told", told },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		if (argc < 2 || strcmp(argv[1], scenes[i].name) != 0)
			continue;
		scenes[i].play();
		printf("%u\n", atomic_load(&numbers));
		return 0;
	}
	return 64;
}
