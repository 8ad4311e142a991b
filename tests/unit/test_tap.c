/* SPDX-License-Identifier: Apache-2.0
 *
 * The tap's thread: how much it takes for itself, and when it goes on.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/tap.h"

#define MESSAGES 10000
#define LOAD_NS  (3 * NS_PER_S)

static struct tap_config about = {
	.kind = ENDPOINT_UNIX,
	.socket = (char *)"test",
	.address = (char *)"/nonexistent/socket",
	.full = true,
	.unidirectional = true,
	.queue = 1,
	.identity = (char *)"",
	.version = (char *)"",
	.types = UINT32_MAX,
	.sample = 1,
	.anonymize_v4 = 32,
	.anonymize_v6 = 128,
};
static struct config config = { .n_taps = 1,
				.taps = &about,
				.log = LOG_TARGET_OFF };

static struct queue *start(void)
{
	static struct metrics metrics;
	struct queue *queue = queue_new(MESSAGES);

	log_open(NULL, NULL);
	metrics_begin(&config);
	cr_assert_eq(tap_start(&config, 0, queue, &metrics), 0);
	return queue;
}

static void finish(struct queue *queue)
{
	uint64_t deadline = clock_steady() + 60 * NS_PER_S;

	queue_finish(queue, deadline);
	queue_await_finished(queue, deadline);
	cr_assert(queue_reopen(queue), "it has finished");
}

static uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* A thread that left in the middle, by way of a signal handler or because it was
 * cancelled, has nothing to commit any more. */
Test(tap, rests_while_a_message_is_not_whole)
{
	struct queue *queue = start();

	cr_assert_neq(queue_reserve(queue, 12).event, NULL);

	uint64_t before = cpu_ns();
	usleep(300000);
	cr_assert_lt(cpu_ns() - before, 100 * NS_PER_MS);
	finish(queue);
}

static int listen_at(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
	cr_assert_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	return fd;
}

/* Reads all, with pauses. Returns the sum of the long times without an octet. */
static void *collect(void *listener)
{
	static char octets[1 << 16];
	static uint64_t idle;
	int fd = accept(*(int *)listener, NULL, NULL);
	uint64_t last = clock_steady();

	while (read(fd, octets, sizeof(octets)) > 0) {
		uint64_t now = clock_steady();

		if (now - last > NS_PER_S / 2)
			idle += now - last;
		last = now;
		if (random() % 8 == 0)
			usleep(random() % 300);
	}
	close(fd);
	return &idle;
}

static void put(struct queue *queue, size_t size)
{
	struct queue_room room = queue_reserve(queue, size);

	if (!room.event) {
		usleep(100);
		return;
	}
	room.event->stamp_ns = clock_steady();
	room.event->flags = 0;
	memset(room.event->payload, 0, size);
	queue_commit(queue, room);
}

/* There is room again just after there was none: who finds that out by chance
 * spends most of its time idle, a second at a time. */
Test(tap, keeps_up_with_its_collector)
{
	char path[] = "/tmp/test_tap.XXXXXX";
	uint64_t end = clock_steady() + LOAD_NS, *idle;
	pthread_t collector;

	close(mkstemp(path));
	unlink(path);
	about.address = path;
	int listener = listen_at(path);
	pthread_create(&collector, NULL, collect, &listener);
	struct queue *queue = start();
	while (clock_steady() < end)
		put(queue, 500);
	finish(queue);
	pthread_join(collector, (void **)&idle);
	unlink(path);
	cr_assert_lt(*idle, LOAD_NS / 2);
}
