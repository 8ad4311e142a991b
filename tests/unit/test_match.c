/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses and their queries: ids and ports used again, pipelining, transfers,
 * responses without a question, floods.
 */
#include <criterion/criterion.h>

#include "message.h"
#include "shim/tap/annotate/match.h"

#define SERVES EVENT_SERVES
#define ANSWER (EVENT_SERVES | EVENT_SENT)

static struct match *match;

static void begin(void)
{
	match = match_new();
}

static void end(void)
{
	match_free(match);
}

TestSuite(match, .init = begin, .fini = end);

static void query(struct message m, uint64_t stamp_ns)
{
	struct match_message parsed;

	m.event.stamp_ns = stamp_ns;
	match_parse(&m.event, &parsed);
	match_query(match, &parsed);
}

/* The time of the query that it answers, 0: none. */
static uint64_t response(struct message m)
{
	struct match_message parsed;

	m.event.stamp_ns = 100 * NS_PER_S;
	match_parse(&m.event, &parsed);
	const struct match_message *found = match_response(match, &parsed);
	return found ? found->event->stamp_ns : 0;
}

Test(match, finds_the_query_once)
{
	query(message(SERVES, 1, RD, "a", 1), 5);
	cr_assert_eq(response(message(ANSWER, 1, QR | RD, "a", 1)), 5);
	cr_assert_eq(response(message(ANSWER, 1, QR | RD, "a", 1)), 0);
}

Test(match, needs_all_of_the_transaction)
{
	struct message other = message(ANSWER, 1, QR, "a", 1);

	query(message(SERVES, 1, 0, "a", 1), 5);
	cr_assert_eq(response(message(ANSWER, 2, QR, "a", 1)), 0, "id");
	cr_assert_eq(response(message(ANSWER, 1, QR, "b", 1)), 0, "name");
	cr_assert_eq(response(message(ANSWER, 1, QR, "a", 2)), 0, "type");
	cr_assert_eq(response(message(ANSWER | EVENT_TCP, 1, QR, "a", 1)), 0);
	other.event.remote_port++;
	cr_assert_eq(response(other), 0, "port");
	other.event.remote_port--;
	other.event.remote[3]++;
	cr_assert_eq(response(other), 0, "remote address");
	other.event.remote[3]--;
	other.event.local[3]++;
	cr_assert_eq(response(other), 0, "local address");
	other.event.flags &= ~EVENT_LOCAL;
	cr_assert_eq(response(other), 5, "local address not known");
}

Test(match, folds_case)
{
	query(message(SERVES, 1, 0, "eXaMpLe", 1), 5);
	cr_assert_eq(response(message(ANSWER, 1, QR, "ExAmPlE", 1)), 5);
}

Test(match, takes_a_response_without_question)
{
	struct message bare = message(ANSWER, 1, QR | 1, "a", 1);

	bare.event.payload[5] = 0;
	bare.event.size = 12;
	query(message(SERVES, 1, 0, "a", 1), 5);
	cr_assert_eq(response(bare), 5);
}

/* The response has in full what the query has as a pointer to a zero octet. */
Test(match, follows_a_pointer)
{
	struct message asked = message(SERVES, 1, 0, "a", 1);

	memcpy(asked.event.payload + 14, "\xc0\x04\0\1\0\1", 6);
	asked.event.size++;
	query(asked, 5);
	cr_assert_eq(response(message(ANSWER, 1, QR, "b", 1)), 0);
	cr_assert_eq(response(message(ANSWER, 1, QR, "a", 1)), 5);
}

Test(match, answers_repeated_queries_in_order)
{
	query(message(SERVES, 1, 0, "a", 1), 5);
	query(message(SERVES, 1, 0, "a", 1), 6);
	cr_assert_eq(response(message(ANSWER, 1, QR, "a", 1)), 5);
	cr_assert_eq(response(message(ANSWER, 1, QR, "a", 1)), 6);
}

Test(match, answers_what_was_sent_last)
{
	query(message(EVENT_SENT, 1, 0, "a", 1), 5);
	query(message(EVENT_SENT, 1, 0, "a", 1), 6);
	cr_assert_eq(response(message(0, 1, QR, "a", 1)), 6);
	query(message(EVENT_SENT | EVENT_TCP, 1, 0, "b", 1), 7);
	query(message(EVENT_SENT | EVENT_TCP, 1, 0, "b", 1), 8);
	cr_assert_eq(response(message(EVENT_TCP, 1, QR, "b", 1)), 7);
}

Test(match, prefers_the_flags_that_a_response_copies)
{
	query(message(SERVES, 1, 0, "a", 1), 5);
	query(message(SERVES, 1, RD, "a", 1), 6);
	cr_assert_eq(response(message(ANSWER, 1, QR | RD, "a", 1)), 6);
	cr_assert_eq(response(message(ANSWER, 1, QR | RD, "a", 1)), 5);
}

Test(match, keeps_the_two_sides_apart)
{
	/* Both from port 53 to port 53. */
	struct message in = message(SERVES, 1, 0, "a", 1);
	struct message out = message(ANSWER, 1, 0, "a", 1);
	struct message answer = message(SERVES, 1, QR, "a", 1);

	query(in, 5);
	query(out, 6);
	cr_assert_eq(response(answer), 6, "the answer to what was sent");
	cr_assert_eq(response(message(ANSWER, 1, QR, "a", 1)), 5);
}

Test(match, serves_out_of_order)
{
	for (uint16_t id = 0; id < 1000; id++)
		query(message(SERVES | EVENT_TCP, id, 0, "a", 1), id + 1);
	for (uint16_t id = 1000; id--;)
		cr_assert_eq(
			response(message(ANSWER | EVENT_TCP, id, QR, "a", 1)),
			id + 1u);
}

Test(match, answers_a_transfer_many_times)
{
	query(message(SERVES | EVENT_TCP, 1, 0, "a", 252), 5);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(
			response(message(ANSWER | EVENT_TCP, 1, QR, "a", 252)),
			5);
}

Test(match, forgets_with_age)
{
	query(message(SERVES, 1, 0, "a", 1), 5);
	query(message(SERVES, 2, 0, "a", 1), 5 + (MATCH_AGE_S + 1) * NS_PER_S);
	cr_assert_eq(response(message(ANSWER, 1, QR, "a", 1)), 0);
	cr_assert_neq(response(message(ANSWER, 2, QR, "a", 1)), 0);
}

/* Each of its responses keeps the query for another while. */
Test(match, remembers_a_long_transfer)
{
	struct message part = message(ANSWER | EVENT_TCP, 1, QR, "a", 252);
	struct match_message parsed;

	query(message(SERVES | EVENT_TCP, 1, 0, "a", 252), 5);
	for (int i = 1; i <= 4; i++) {
		part.event.stamp_ns = 5 + i * (MATCH_AGE_S - 1) * NS_PER_S;
		query(message(SERVES, i, 0, "b", 1), part.event.stamp_ns);
		match_parse(&part.event, &parsed);
		cr_assert_not_null(match_response(match, &parsed), "%d", i);
	}
}

/* Somebody repeats one query for ever: the oldest go, and it stays cheap. */
Test(match, bears_a_flood, .timeout = 20)
{
	struct message m = message(SERVES, 1, 0, "a", 1);
	uint32_t sent = 3 * MATCH_QUERIES_MAX;

	for (uint32_t i = 1; i <= sent; i++)
		query(m, i);
	cr_assert_eq(response(message(ANSWER, 1, QR, "a", 1)),
		     sent - MATCH_QUERIES_MAX + 1);
	query(message(SERVES, 2, 0, "b", 1), 7);
	cr_assert_eq(response(message(ANSWER, 2, QR, "b", 1)), 7);
}
