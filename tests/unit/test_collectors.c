/* SPDX-License-Identifier: Apache-2.0
 *
 * Several collectors at one tap that listens, each the other end of a socketpair,
 * unidirectional. No test waits: each says what time it is.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/endpoint/collectors.h"

#define SIZE 1000

static struct tap_config config = { .socket = (char *)"unix:///test",
				    .kind = ENDPOINT_UNIX,
				    .unidirectional = true };
static struct collectors *collectors;
static uint64_t now = NS_PER_S, written;

static void set_up(void)
{
	log_open(NULL, NULL);
	collectors = calloc(1, sizeof(*collectors));
	collectors->config = &config;
}

/* Returns the collector's end. */
static int join(void)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends),
		     0);
	collectors_add(collectors, ends[0], NULL, now);
	collectors_advance(collectors, now);
	return ends[1];
}

static struct endpoint_status status(void)
{
	struct endpoint_status status = { 0 };

	collectors_status(collectors, &status);
	return status;
}

/* What tells the tap's side of it and the test's agree: each message was handed
 * over, is waiting, or is lost. */
static void adds_up(void)
{
	struct endpoint_status s = status();

	cr_assert_eq(s.counts.frames + s.unsent + s.lost, written,
		     "%lu sent, %lu unsent, %lu lost of %lu", s.counts.frames,
		     s.unsent, s.lost, written);
}

static bool write_one(void)
{
	uint8_t *room = collectors_reserve(collectors, SIZE);

	if (!room)
		return false;
	memset(room, 1, SIZE);
	collectors_commit(collectors, SIZE);
	written++;
	collectors_advance(collectors, now);
	adds_up();
	return true;
}

static size_t drain(int fd)
{
	static uint8_t octets[1 << 20];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, octets, sizeof(octets))) > 0)
		sum += n;
	return sum;
}

TestSuite(collectors, .init = set_up);

Test(collectors, gives_each_what_comes_while_it_is_there)
{
	int first = join();

	cr_assert(write_one());
	int second = join();
	cr_assert(write_one());
	close(first);
	collectors_advance(collectors, now);
	cr_assert(write_one());
	size_t size = drain(second);
	cr_assert_geq(size, 2 * SIZE);
	cr_assert_lt(size, 3 * SIZE);
	cr_assert_eq(status().counts.up, 1);
	cr_assert_eq(status().counts.connects, 2);
	adds_up();
}

Test(collectors, counts_what_nobody_is_there_for)
{
	cr_assert(write_one());
	cr_assert_eq(status().lost, 1);
	cr_assert(status().over);
}

/* One that takes nothing is waited for, then does without; the other gets all. */
Test(collectors, does_not_wait_for_one_that_lags)
{
	int quick = join(), slow = join();
	size_t got = 0;

	for (int i = 0; i < 5000; i++) {
		if (!write_one()) {
			now += 200 * NS_PER_MS;
			collectors_advance(collectors, now);
			cr_assert(write_one());
		}
		got += drain(quick);
		collectors_advance(collectors, now);
	}
	got += drain(quick);
	cr_assert_geq(got, written * SIZE);
	cr_assert_eq(status().lost, 0, "the quick one has got them");
	cr_assert_gt(status().counts.missed, 0, "the slow one has not");
	close(slow);
	collectors_advance(collectors, now);
	adds_up();
}

/* Where all lag messages wait in the queue. */
Test(collectors, has_no_room_while_none_takes_any)
{
	int one = join(), two = join();

	while (write_one())
		;
	now += NS_PER_S;
	collectors_advance(collectors, now);
	while (write_one())
		;
	cr_assert_null(collectors_reserve(collectors, SIZE));
	cr_assert_eq(status().lost, 0);
	drain(one);
	drain(two);
	collectors_advance(collectors, now);
	cr_assert(write_one());
}

Test(collectors, counts_at_the_end_what_is_left)
{
	int one = join();

	while (write_one())
		;
	uint64_t unsent = status().unsent;
	cr_assert_gt(unsent, 0);
	cr_assert_not(status().over);
	cr_assert_eq(collectors_close(collectors), unsent);
	adds_up();
	close(one);
}

/* Who does not say START, where the handshake is two-sided, is no collector. */
Test(collectors, keeps_strangers_from_keeping_others_out)
{
	int fds[COLLECTORS_PLACES + 1];

	config.unidirectional = false;
	for (int i = 0; i < COLLECTORS_PLACES; i++)
		fds[i] = join();
	cr_assert_gt(collectors_vacant_at(collectors), now,
		     "none gives way yet");
	now = collectors_vacant_at(collectors);
	fds[COLLECTORS_PLACES] = join();
	drain(fds[0]);
	cr_assert_eq(read(fds[0], &(char){ 0 }, 1), 0, "the oldest has to");
	cr_assert(write_one());
	cr_assert_eq(status().lost, 1, "none of them is given any");
}
