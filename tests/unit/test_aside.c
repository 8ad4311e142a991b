/* SPDX-License-Identifier: Apache-2.0
 *
 * What is set aside comes back once, in order, when it may; and how much it is.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "message.h"
#include "shim/base/clock.h"
#include "shim/tap/annotate/aside.h"

static struct aside *aside;

static void begin(void)
{
	aside = aside_new();
}

static void end(void)
{
	aside_free(aside);
}

TestSuite(aside, .init = begin, .fini = end);

static bool put(uint64_t transaction)
{
	struct message m = message(0, transaction, QR, "a", 1);

	m.event.stamp_ns = 1;
	return aside_put(aside, &m.event, transaction);
}

/* Takes the one that is ready and returns its transaction; 0: there is none. */
static unsigned taken(void)
{
	struct event *event = aside_ready(aside);

	if (!event)
		return 0;
	unsigned id = event->payload[0] << 8 | event->payload[1];
	struct message m = message(0, id, QR, "a", 1);
	cr_assert_eq(event->size, m.event.size);
	cr_assert_arr_eq(event->payload, m.event.payload, m.event.size);
	aside_drop(aside, event);
	return id;
}

Test(aside, comes_behind_its_query)
{
	for (unsigned i = 1; i <= 5; i++)
		cr_assert(put(i));
	cr_assert(put(2));
	cr_assert_eq(taken(), 0);
	aside_query(aside, 2);
	cr_assert_eq(taken(), 2);
	cr_assert_eq(taken(), 2);
	cr_assert_eq(taken(), 0, "the others wait on");
	aside_query(aside, 5);
	aside_query(aside, 1);
	cr_assert_eq(taken(), 1);
	cr_assert_eq(taken(), 5);
	cr_assert_eq(aside_count(aside), 2);
}

/* One that was set aside since has to wait: its query may be among what is
 * collected next. */
Test(aside, waits_for_what_is_collected_next)
{
	struct queue *queue = queue_new(16);

	put(1);
	queue_collect(queue, 1);
	aside_look(aside, queue, NS_PER_S, false);
	put(2);
	cr_assert_eq(taken(), 0);
	cr_assert(aside_settle(aside));
	cr_assert_eq(taken(), 1);
	cr_assert_not(aside_settle(aside));
	cr_assert_eq(taken(), 0);
	aside_look(aside, queue, NS_PER_S, false);
	cr_assert(aside_settle(aside));
	cr_assert_eq(taken(), 2);
	queue_free(queue);
}

Test(aside, waits_for_what_is_in_flight)
{
	struct queue *queue = queue_new(16);
	struct queue_room room = queue_depart(queue, NULL, 12);

	room.event->stamp_ns = 1;
	room.event->flags = EVENT_SENT;
	memset(room.event->payload, 0, 12);
	queue_departed(queue, room);
	put(1);
	queue_collect(queue, 2);
	aside_look(aside, queue, NS_PER_S, false);
	cr_assert(aside_settle(aside), "it came before that was sent");
	cr_assert_eq(taken(), 1);
	room.event->stamp_ns = 0;
	put(2);
	queue_collect(queue, 2);
	aside_look(aside, queue, NS_PER_S, false);
	cr_assert_not(aside_settle(aside));
	queue_free(queue);
}

Test(aside, waits_for_nothing_at_the_end)
{
	struct message m = message(0, 1, QR, "a", 1);

	m.event.stamp_ns = clock_steady() + NS_PER_S;
	aside_put(aside, &m.event, 1);
	aside_look(aside, NULL, 0, true);
	cr_assert(aside_settle(aside));
	cr_assert_eq(taken(), 1);
}

Test(aside, is_bounded)
{
	cr_assert_eq(aside_room(aside), ASIDE_PLENTY);
	for (unsigned i = 1; i <= ASIDE_MESSAGES; i++) {
		cr_assert_neq(aside_room(aside), ASIDE_NONE);
		cr_assert(put(i));
	}
	cr_assert_eq(aside_room(aside), ASIDE_NONE);
	cr_assert_not(put(100));
	cr_assert_eq(taken(), 1, "the oldest goes");
	cr_assert_eq(aside_room(aside), ASIDE_LITTLE);
	cr_assert(put(100));
	for (unsigned i = 1; i < ASIDE_MESSAGES; i++)
		aside_query(aside, i);
	for (unsigned i = 2; i < ASIDE_MESSAGES; i++)
		cr_assert_eq(taken(), i);
}

Test(aside, is_bounded_in_octets)
{
	struct event *event = calloc(1, sizeof(*event) + EVENT_PAYLOAD_MAX);
	unsigned count = 0;

	event->size = EVENT_PAYLOAD_MAX;
	while (aside_put(aside, event, 1))
		count++;
	cr_assert(count >= 2 && count < 8, "%u", count);
	aside_query(aside, 1);
	while (count--) {
		struct event *ready = aside_ready(aside);

		cr_assert_eq(ready->size, EVENT_PAYLOAD_MAX);
		aside_drop(aside, ready);
	}
	cr_assert_eq(aside_count(aside), 0);
	free(event);
}
