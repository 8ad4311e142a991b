/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that cross a connection, as they come out of a tap's queue.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/capture/connection.h"
#include "shim/capture/departed.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/expect.h"
#include "shim/queue.h"

#define FD 7
#define HEADER                                   \
	"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10"     \
	"\xc0\0\2\1\xc6\x33\x64\2\x30\x39\0\x35" \
	"\4\0\1\7" /* a value that is passed over */
#define HEADER_KEPT 28

static struct queue *_Atomic queue;
static _Atomic uint64_t lost;
static const struct fd_info serving = {
	.local = { .octets = { 192, 0, 2, 53 }, .port = 53, .known = true },
	.remote = { .octets = { 192, 0, 2, 1 }, .port = 4242, .known = true },
	.serves = true,
};

static void begin(void)
{
	queue = queue_new(1000);
	enqueue_begin(&(struct enqueue_setup){
		.queues = 1, .queue = &queue, .lost = &lost });
	fdtable_fresh(FD, FD_FRESH_TCP);
	fdtable_learn(FD, fdtable_state(FD), FD_STREAM, &serving);
}

TestSuite(connection, .init = begin);

/* What a hook does before the real call. */
static struct capture_call enter(bool sent)
{
	struct capture_call call = { .fd = FD, .sent = sent };

	call.state = fdtable_known(FD, &call.info);
	call.kind = fd_kind(call.state);
	call.sequence = fdtable_sequence(FD, sent);
	call.stamp_ns = clock_steady();
	return call;
}

static void received_by(const struct capture_call *call, const char *octets,
			size_t size)
{
	struct iovec iov = { (void *)octets, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	connection_crossed(call, &message, size);
}

static void received(const char *octets, size_t size)
{
	struct capture_call call = enter(false);

	received_by(&call, octets, size);
}

/* A query whose identifier tells it apart; no NUL terminates it. */
static const char *query(uint8_t id)
{
	static char queries[256][14];

	memcpy(queries[id], "\0\14ab\0\0\0\0\0\0\0\0\0\0", 14);
	queries[id][2] = id;
	return queries[id];
}

static size_t logged(void)
{
	return queue_collect(queue, clock_steady() + NS_PER_S);
}

static const struct event *event(size_t i)
{
	return queue_event(queue, i);
}

static uint64_t dropped(enum drop_cause cause)
{
	return queue_dropped(queue, cause);
}

Test(connection, nobody_makes_it_invisible)
{
	static char strange[5002] = { 5000 >> 8, (char)(5000 & 0xff) };

	memset(strange + 6, 0xff, 8);
	received(strange, 1000);
	received(strange + 1000, sizeof(strange) - 1000);
	received(query(1), 14);
	cr_assert_eq(logged(), 2);
	cr_assert_eq(event(0)->size, 5000);
	cr_assert_arr_eq(event(0)->payload, strange + 2, 5000);
	cr_assert_eq(event(1)->size, 12);
	cr_assert_eq(event(1)->payload[0], 1);
	cr_assert_eq(dropped(DROP_STREAM), 0);
}

Test(connection, messages_too_short_are_counted_each)
{
	static const char zeros[200];

	received(zeros, sizeof(zeros));
	received("\0\1a\0\2ab", 7);
	received(query(1), 14);
	cr_assert_eq(dropped(DROP_MALFORMED), 102);
	cr_assert_eq(logged(), 1);
}

Test(connection, each_call_is_counted_once_it_is_given_up)
{
	static const char zeros[65536];
	struct capture_call call;

	received(zeros, sizeof(zeros));
	cr_assert_eq(dropped(DROP_MALFORMED), STREAM_SHORT_MAX);
	cr_assert_eq(dropped(DROP_STREAM), 1);
	for (int i = 0; i < 5; i++)
		received(query(i), 14);
	cr_assert_eq(dropped(DROP_STREAM), 6);
	cr_assert_eq(logged(), 0);
	/* The other direction is in step. */
	call = enter(true);
	received_by(&call, query(9), 14);
	cr_assert_eq(logged(), 1);
	/* So is the next connection. */
	fdtable_forget(FD);
	fdtable_learn(FD, fdtable_state(FD), FD_STREAM, &serving);
	received(query(9), 14);
	cr_assert_eq(logged(), 2);
	cr_assert_eq(dropped(DROP_STREAM), 6);
}

Test(connection, octets_that_nobody_sees_give_it_up)
{
	struct capture_call call = enter(false);

	received(query(1), 7);
	connection_give_up(&call);
	received(query(1) + 7, 7);
	received(query(2), 14);
	cr_assert_eq(dropped(DROP_STREAM), 3);
	cr_assert_eq(logged(), 0);
}

/* A thread that has jumped out of the middle of it. */
static void leave_held(void)
{
	_Atomic uint64_t *state = &fdtable_entry(FD)->stream[0].state;

	atomic_store(state, (fdtable_state(FD) & 0xffffffff00000000) |
				    FD_STREAM_LOCKED);
}

Test(connection, a_hold_ends_with_its_socket)
{
	leave_held();
	received(query(1), 14);
	cr_assert_eq(logged(), 1, "whole messages need no hold");
	received(query(2), 7);
	cr_assert_eq(dropped(DROP_STREAM), 1);
	leave_held();
	for (int i = 0; i < 10; i++) {
		fdtable_forget(FD);
		fdtable_learn(FD, fdtable_state(FD), FD_STREAM, &serving);
		received(query(3), 7);
		received(query(3) + 7, 7);
		cr_assert_eq(logged(), 2 + i);
		leave_held();
	}
	cr_assert_eq(dropped(DROP_STREAM), 1);
}

Test(connection, calls_at_one_time_that_carry_whole_messages_are_followed)
{
	struct capture_call a = enter(false), b = enter(false);

	received_by(&b, query(1), 14);
	received_by(&a, query(2), 14);
	received(query(3), 5);
	received(query(3) + 5, 9);
	cr_assert_eq(logged(), 3);
	cr_assert_eq(dropped(DROP_STREAM), 0);
}

Test(connection, calls_at_one_time_that_carry_parts_are_not)
{
	struct capture_call a = enter(false), b = enter(false);

	received_by(&b, query(1), 5);
	received_by(&a, query(1) + 5, 9);
	received(query(2), 14);
	cr_assert_eq(logged(), 0);
	cr_assert_eq(dropped(DROP_STREAM), 2);
}

Test(connection, a_call_that_ends_in_the_next_socket_s_time)
{
	struct capture_call late = enter(false);

	fdtable_forget(FD);
	fdtable_learn(FD, fdtable_state(FD), FD_STREAM, &serving);
	received(query(1), 5);
	received_by(&late, query(2), 14);
	received(query(1) + 5, 9);
	cr_assert_eq(logged(), 2);
	cr_assert_eq(dropped(DROP_STREAM), 0);
}

static void check_introduced(const struct event *seen, uint8_t id)
{
	struct proxy proxy;

	cr_assert_eq(seen->flags & EVENT_PROXY, EVENT_PROXY);
	cr_assert_eq(seen->size, HEADER_KEPT + 12);
	cr_assert_eq(proxy_read(seen->payload, seen->size, &proxy),
		     HEADER_KEPT);
	cr_assert_eq(proxy.source_port, 12345);
	cr_assert_eq(seen->payload[HEADER_KEPT], id);
}

Test(connection, a_proxy_s_header_stands_before_each_message)
{
	struct capture_call call;

	received(HEADER, 5);
	received(HEADER + 5, sizeof(HEADER) - 1 - 5);
	received(query(1), 14);
	received(query(2), 5);
	received(query(2) + 5, 9);
	call = enter(true);
	received_by(&call, query(3), 14);
	cr_assert_eq(logged(), 3);
	for (int i = 0; i < 3; i++)
		check_introduced(event(i), i + 1);
	/* Not before those of the next connection. */
	fdtable_forget(FD);
	fdtable_learn(FD, fdtable_state(FD), FD_STREAM, &serving);
	received(query(4), 14);
	cr_assert_eq(logged(), 4);
	cr_assert_eq(event(3)->flags & EVENT_PROXY, 0);
	cr_assert_eq(event(3)->size, 12);
	cr_assert_eq(dropped(DROP_STREAM) + dropped(DROP_MALFORMED), 0);
}

Test(connection, a_header_and_a_message_in_one_call)
{
	char octets[sizeof(HEADER) - 1 + 14];

	memcpy(octets, HEADER, sizeof(HEADER) - 1);
	memcpy(octets + sizeof(HEADER) - 1, query(1), 14);
	received(octets, sizeof(octets));
	cr_assert_eq(logged(), 1);
	check_introduced(event(0), 1);
}

/* What is not believed is cut as the server cuts it that expects no header: here
 * into one message of 3,338 octets, then the next. */
Test(connection, a_stranger_s_header_is_what_the_server_reads)
{
	static const uint8_t client[] = { 192, 0, 2, 1 };
	struct proxies proxies = { 0 };
	char octets[2 + 0x0d0a] = HEADER;

	expect_proxies(&proxies);
	memcpy(octets + sizeof(HEADER) - 1, query(1), 14);
	received(octets, 20);
	received(octets + 20, sizeof(octets) - 20);
	received(query(2), 14);
	cr_assert_eq(logged(), 2);
	cr_assert_eq(event(0)->size, 0x0d0a);
	cr_assert_arr_eq(event(0)->payload, octets + 2, 0x0d0a);
	cr_assert_eq(event(1)->size, 12);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(event(i)->flags & EVENT_PROXY, 0);
		cr_assert_arr_eq(event(i)->remote, client, 4);
	}
	cr_assert_eq(dropped(DROP_STREAM) + dropped(DROP_MALFORMED), 0);
}

Test(connection, a_header_is_believed_of_those_that_are_listed)
{
	static const struct {
		const char *network;
		bool believed;
	} cases[] = {
		{ "192.0.2.1", true },
		{ "192.0.2.0/31", true },
		{ "192.0.2.2/31", false },
		{ "::/0", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct proxies proxies = { 0 };

		cr_assert_eq(networks_add(&proxies.networks, cases[i].network),
			     0);
		expect_proxies(&proxies);
		fdtable_forget(FD);
		fdtable_learn(FD, fdtable_state(FD), FD_STREAM, &serving);
		size_t before = logged();
		received(HEADER, sizeof(HEADER) - 1);
		received(query(1), 14);
		cr_assert_eq(logged() - before, cases[i].believed, "%s",
			     cases[i].network);
		proxies_release(&proxies);
	}
}

/* As a proxy does before the servers behind it. */
Test(connection, a_header_that_is_sent_is_passed_over)
{
	struct proxies nobody = { 0 };
	struct fd_info asking = serving;
	struct capture_call call;

	expect_proxies(&nobody);
	asking.serves = false;
	fdtable_learn(FD, fdtable_state(FD), FD_STREAM, &asking);
	call = enter(true);
	received_by(&call, HEADER, sizeof(HEADER) - 1);
	call = enter(true);
	received_by(&call, query(1), 14);
	cr_assert_eq(logged(), 1);
	cr_assert_eq(event(0)->flags & EVENT_PROXY, 0);
	cr_assert_eq(event(0)->size, 12);
}

static struct capture_call depart(char *octets, size_t size)
{
	struct capture_call call = enter(true);
	struct iovec iov = { octets, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	departed_copy(&call, &message, size);
	return call;
}

Test(connection, what_is_sent_is_copied_before_the_call)
{
	char octets[28];
	struct capture_call call;
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(octets, query(1), 14);
	memcpy(octets + 14, query(2), 14);
	call = enter(true);
	departed_copy(&call, &message, sizeof(octets));
	memset(octets, 0xff, sizeof(octets));
	connection_land(&call, 20);
	cr_assert_eq(logged(), 1, "the second has not left yet");
	cr_assert_eq(event(0)->payload[0], 1);

	/* What was refused is sent again. */
	memcpy(octets, query(2) + 6, 8);
	call = enter(true);
	departed_copy(&call, &message, 8);
	connection_land(&call, 0);
	call = enter(true);
	departed_copy(&call, &message, 8);
	connection_land(&call, 8);
	cr_assert_eq(logged(), 2);
	cr_assert_eq(event(1)->payload[0], 2);
	cr_assert_eq(dropped(DROP_STREAM), 0);
}

Test(connection, what_never_lands_is_given_back)
{
	static char octets[60000];

	for (int i = 0; i < 20000; i++)
		depart(octets, sizeof(octets));
	for (int i = 0; i < 256; i++) {
		struct capture_call call = enter(true);
		struct iovec iov = { (void *)query(i), 14 };
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

		departed_copy(&call, &message, 14);
		connection_land(&call, 14);
	}
	cr_assert_eq(logged(), 256);
	cr_assert_eq(dropped(DROP_STREAM), 0);
}
