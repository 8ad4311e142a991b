/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a port has asked: one server from each port, many from one, long ago.
 */
#include <criterion/criterion.h>

#include "message.h"
#include "shim/tap/annotate/asked.h"
#include "shim/tap/annotate/match.h"

static struct asked *asked;

static void begin(void)
{
	asked = asked_new();
}

static void end(void)
{
	asked_free(asked);
}

TestSuite(asked, .init = begin, .fini = end);

static const struct event *between(uint16_t port, uint16_t server,
				   uint64_t second)
{
	static struct message m;

	m = message(0, 1, 0, "a", 1);
	m.event.local_port = port;
	m.event.remote[2] = server >> 8;
	m.event.remote[3] = server;
	m.event.stamp_ns = second * NS_PER_S;
	return &m.event;
}

static void ask(uint16_t port, uint16_t server, uint64_t second)
{
	asked_note(asked, between(port, server, second));
}

static enum asked_whom whom(uint16_t port, uint16_t server, uint64_t second)
{
	return asked_whom(asked, between(port, server, second));
}

Test(asked, one_from_each_port)
{
	for (unsigned port = 1024; port < 65536; port++)
		ask(port, port, 10);
	for (unsigned port = 1024; port < 65536; port++) {
		cr_assert_eq(whom(port, port, 11), ASKED_IT);
		cr_assert_eq(whom(port, port + 1, 11), ASKED_OTHERS);
	}
	cr_assert_eq(whom(1023, 1023, 11), ASKED_NOBODY);
}

Test(asked, many_from_one_port)
{
	unsigned known = 0;

	for (unsigned server = 0; server < 1000; server++)
		ask(4000, server, 10);
	for (unsigned server = 0; server < 1000; server++)
		known += whom(4000, server, 11) == ASKED_IT;
	cr_assert_gt(known, 900);
	cr_assert_eq(whom(4000, 1000, 11), ASKED_OTHERS);
}

/* The port may be another socket's by then. */
Test(asked, forgets_with_age)
{
	ask(4000, 1, 0);
	cr_assert_eq(whom(4000, 2, MATCH_AGE_S), ASKED_OTHERS);
	cr_assert_eq(whom(4000, 2, MATCH_AGE_S + 1), ASKED_NOBODY);
}

/* What was set aside is looked up after queries that were sent later. */
Test(asked, knows_what_came_before_too)
{
	ask(4000, 1, 20);
	cr_assert_eq(whom(4000, 2, 19), ASKED_OTHERS);
	cr_assert_eq(whom(4000, 1, 19), ASKED_IT);
}
