/* SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses on another thread, which wakes the one that asked.
 */
#include <criterion/criterion.h>

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>

#include "shim/queue.h"
#include "shim/tap/transport/resolver.h"

static sigset_t wake;

static void begin(void)
{
	sigemptyset(&wake);
	sigaddset(&wake, QUEUE_WAKE_SIGNAL);
	sigprocmask(SIG_BLOCK, &wake, NULL);
}

TestSuite(resolver, .init = begin);

static const struct resolver_answer *ask(struct resolver *resolver)
{
	int number;

	resolver_ask(resolver);
	cr_assert_eq(sigwait(&wake, &number), 0);
	return resolver_answer(resolver);
}

Test(resolver, answers_and_answers_again)
{
	struct resolver *resolver = resolver_start("localhost", "6000");

	cr_assert_not_null(resolver);
	cr_assert_null(resolver_answer(resolver));
	for (int i = 0; i < 2; i++) {
		const struct resolver_answer *answer = ask(resolver);
		cr_assert_not_null(answer);
		cr_assert_eq(answer->error, 0);
		cr_assert_geq(answer->count, 1);
		const struct sockaddr_in *first =
			(const struct sockaddr_in *)&answer->address[0].name;
		cr_assert_eq(ntohs(first->sin_port), 6000);
	}
	resolver_end(resolver);
}

Test(resolver, says_what_is_wrong)
{
	struct resolver *resolver = resolver_start("no such name", "6000");
	const struct resolver_answer *answer = ask(resolver);

	cr_assert_neq(answer->error, 0);
	cr_assert_eq(answer->count, 0);
	resolver_end(resolver);
}

Test(resolver, ends_while_it_looks_up)
{
	struct resolver *resolver = resolver_start("localhost", "6000");

	resolver_ask(resolver);
	resolver_end(resolver);
}

Test(resolver, takes_figures_at_once)
{
	struct resolver_answer answer;

	resolver_figures("::1", "53", 0, &answer);
	cr_assert_eq(answer.count, 1);
	cr_assert_eq(answer.address[0].name.ss_family, AF_INET6);
	resolver_figures("localhost", "53", 0, &answer);
	cr_assert_eq(answer.error, EAI_NONAME);
	resolver_figures("", "53", AI_PASSIVE, &answer);
	cr_assert_geq(answer.count, 1);
}
