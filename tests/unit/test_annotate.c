/* SPDX-License-Identifier: Apache-2.0
 *
 * Types and roles, the query's time, types, sample, anonymize, extra.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "message.h"
#include "proto/common.h"
#include "shim/base/secret.h"
#include "shim/tap/annotate/annotate.h"

#define SERVES     EVENT_SERVES
#define ANSWER     (EVENT_SERVES | EVENT_SENT)
#define ASKS       EVENT_SENT
#define TYPE(name) DNSTAP__MESSAGE__TYPE__##name

static struct tap_config defaults(void)
{
	return (struct tap_config){ .types = UINT32_MAX,
				    .sample = 1,
				    .anonymize_v4 = 32,
				    .anonymize_v6 = 128,
				    .proxies = &proxies_anybody };
}

/* Wall time is steady time here. */
#define at(ns) ((struct clock_pair){ ns, ns })

static enum annotated look(struct annotator *annotator, struct message *m,
			   struct record *record)
{
	return annotate(annotator, &m->event, &at(m->event.stamp_ns + NS_PER_S),
			ASIDE_NONE, record);
}

static int type_of(struct annotator *annotator, struct message m)
{
	struct record record;

	cr_assert_eq(look(annotator, &m, &record), ANNOTATE_LOG);
	return record.type;
}

Test(annotate, types)
{
	static const struct {
		uint8_t event;
		uint16_t flags;
		enum tap_role role;
		int type;
	} cases[] = {
		{ SERVES, RD, ROLE_AUTO, TYPE(CLIENT_QUERY) },
		{ SERVES, 0, ROLE_AUTO, TYPE(AUTH_QUERY) },
		{ SERVES, RD, ROLE_AUTH, TYPE(AUTH_QUERY) },
		{ SERVES, 0, ROLE_CLIENT, TYPE(CLIENT_QUERY) },
		{ ANSWER, QR | RD, ROLE_AUTO, TYPE(CLIENT_RESPONSE) },
		{ ANSWER, QR, ROLE_AUTO, TYPE(AUTH_RESPONSE) },
		{ ANSWER, QR, ROLE_CLIENT, TYPE(CLIENT_RESPONSE) },
		{ ASKS, RD, ROLE_AUTO, TYPE(FORWARDER_QUERY) },
		{ ASKS, 0, ROLE_CLIENT, TYPE(RESOLVER_QUERY) },
		{ 0, QR | RD, ROLE_AUTO, TYPE(FORWARDER_RESPONSE) },
		{ 0, QR, ROLE_AUTH, TYPE(RESOLVER_RESPONSE) },
		/* From the serving socket itself: NOTIFY and the like. */
		{ ANSWER, 0, ROLE_AUTO, TYPE(RESOLVER_QUERY) },
		{ SERVES, OP_UPDATE, ROLE_CLIENT, TYPE(UPDATE_QUERY) },
		{ ANSWER, QR | OP_UPDATE, ROLE_AUTO, TYPE(UPDATE_RESPONSE) },
		{ ASKS, OP_UPDATE | RD, ROLE_AUTO, TYPE(UPDATE_QUERY) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tap_config config = defaults();
		config.role = cases[i].role;
		struct annotator *annotator = annotator_new(&config);
		cr_assert_eq(
			type_of(annotator, message(cases[i].event, 1,
						   cases[i].flags, "a", 1)),
			cases[i].type, "case %zu", i);
		annotator_free(annotator);
	}
}

/* Is the local address of such a message known, where the socket does not tell?
 * After its query, if it has one. */
Test(annotate, own_address_is_what_is_sent_from)
{
	static const struct {
		uint8_t event;
		uint16_t flags;
		uint16_t asked; /* the query's id */
		bool told;
	} cases[] = {
		{ ASKS, 0, 0, true },     { 0, QR, 1, true },
		{ 0, QR, 2, false },    /* late, or guessed */
		{ ANSWER, 0, 0, true }, /* asks from the serving socket */
		{ SERVES, QR, 1, false }, { SERVES, 0, 0, false },
		{ ANSWER, QR, 0, false },
	};
	static const uint8_t loopback[] = { 127, 0, 0, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tap_config config = defaults();
		struct annotator *annotator = annotator_new(&config);
		uint8_t side = cases[i].event & EVENT_SERVES;
		struct message pair[] = {
			message(side | EVENT_SENT, cases[i].asked, 0, "a", 1),
			message(cases[i].event, 1, cases[i].flags, "a", 1),
		};

		for (int j = !cases[i].asked; j < 2; j++) {
			struct record record;

			memcpy(pair[j].event.remote, loopback, 4);
			pair[j].event.flags &= ~EVENT_LOCAL;
			look(annotator, &pair[j], &record);
		}
		cr_assert_eq(!!(pair[1].event.flags & EVENT_LOCAL),
			     cases[i].told, "case %zu", i);
		annotator_free(annotator);
	}
}

Test(annotate, a_response_has_its_querys_type_and_time)
{
	struct tap_config config = defaults();
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct message answer = message(ANSWER, 1, QR, "a", 1);
	struct record record;

	query.event.stamp_ns = 42;
	look(annotator, &query, &record);
	look(annotator, &answer, &record);
	cr_assert_eq(record.type, TYPE(CLIENT_RESPONSE), "it had RD, not this");
	cr_assert_eq(record.query_time_ns, 42);
	annotator_free(annotator);
}

/* Wall time, of a clock that is set back between a query and its response, is for
 * output alone. */
Test(annotate, bears_a_clock_that_steps)
{
	enum { BACK = 3600 };
	struct tap_config config = defaults();
	config.extra = (char *)"{duration} {/forward/upstream}";
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct message out = message(ASKS, 9, RD, "a", 1);
	struct message answer = message(ANSWER, 1, QR | RD, "a", 1);
	struct clock_pair clocks = { NS_PER_S, 1700000000 * NS_PER_S };
	static const char extra[] = "0.5s 198.51.100.7:53";
	struct record record;

	annotate(annotator, &query.event, &clocks, ASIDE_NONE, &record);
	uint64_t asked_ns = record.time_ns;
	cr_assert_eq(asked_ns, clocks.wall_ns);
	clocks.wall_ns -= BACK * NS_PER_S;
	annotate(annotator, &out.event, &clocks, ASIDE_NONE, &record);
	answer.event.stamp_ns += NS_PER_S / 2;
	annotate(annotator, &answer.event, &clocks, ASIDE_NONE, &record);
	cr_assert_eq(record.query_time_ns, asked_ns, "as it was logged");
	cr_assert_eq(record.time_ns, asked_ns + NS_PER_S / 2 - BACK * NS_PER_S);
	cr_assert_eq(record.extra_size, strlen(extra));
	cr_assert_arr_eq(record.extra, extra, strlen(extra), "%.*s",
			 (int)record.extra_size, record.extra);
	annotator_free(annotator);
}

/* Its query is logged as soon as the send returns. */
Test(annotate, an_early_answer_is_set_aside)
{
	struct tap_config config = defaults();
	struct annotator *annotator = annotator_new(&config);
	struct message answer = message(0, 1, QR, "a", 1);
	struct message query = message(ASKS, 1, 0, "a", 1);
	struct record record;

	cr_assert_eq(annotate(annotator, &answer.event, &at(NS_PER_S),
			      ASIDE_LITTLE, &record),
		     ANNOTATE_LATER);
	uint64_t transaction = annotator_transaction(annotator);
	cr_assert_eq(look(annotator, &query, &record), ANNOTATE_LOG);
	cr_assert_eq(annotator_transaction(annotator), transaction);
	cr_assert_eq(look(annotator, &answer, &record), ANNOTATE_LOG);
	cr_assert_eq(record.query_time_ns, query.event.stamp_ns);
	annotator_free(annotator);
}

/* A response that came in, and what else may be known of it. */
struct came {
	const char *what;
	uint8_t event;
	enum aside_room room;
	int asked; /* from its port: 0: nobody, 1: others, 2: its sender */
	enum annotated verdict;
};

static void note_asked(struct annotator *annotator, const struct came *came)
{
	struct message query = message(came->event | EVENT_SENT, 9, 0, "b", 1);
	struct record record;

	query.event.remote[3] += came->asked == 1;
	if (came->asked)
		cr_assert_eq(look(annotator, &query, &record), ANNOTATE_LOG);
}

Test(annotate, judges_a_response_without_query)
{
	static const struct came cases[] = {
		{ "a stranger's, to a server", SERVES, 0, 0,
		  ANNOTATE_UNSOLICITED },
		{ "by TCP", SERVES | EVENT_TCP, 0, 0, ANNOTATE_UNSOLICITED },
		{ "to one that asks others", SERVES, 0, 1,
		  ANNOTATE_UNSOLICITED },
		{ "with a guessed id", SERVES, 0, 2, ANNOTATE_UNSOLICITED },
		{ "it may be early", SERVES, ASIDE_PLENTY, 0, ANNOTATE_LATER },
		{ "it is hardly", SERVES, ASIDE_LITTLE, 0,
		  ANNOTATE_UNSOLICITED },
		{ "it still may be", SERVES, ASIDE_LITTLE, 1, ANNOTATE_LATER },
		{ "late, or guessed", 0, 0, 2, ANNOTATE_LOG },
		{ "a stranger's, to one that asks", 0, 0, 1,
		  ANNOTATE_UNSOLICITED },
		{ "its query may be a parent's", 0, 0, 0, ANNOTATE_LOG },
		{ "on a connection made from here", EVENT_TCP, 0, 1,
		  ANNOTATE_LOG },
		{ "early, from a new port", 0, ASIDE_LITTLE, 0,
		  ANNOTATE_LATER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tap_config config = defaults();
		struct annotator *annotator = annotator_new(&config);
		struct message m = message(cases[i].event, 1, QR, "a", 1);
		struct record record;

		note_asked(annotator, &cases[i]);
		cr_assert_eq(annotate(annotator, &m.event, &at(NS_PER_S),
				      cases[i].room, &record),
			     cases[i].verdict, "%s", cases[i].what);
		cr_assert_eq(record.query_time_ns, 0);
		annotator_free(annotator);
	}
}

/* To a server that asks from the port at which it answers. */
Test(annotate, knows_what_it_asked)
{
	struct tap_config config = defaults();
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(ANSWER, 1, 0, "a", 1);
	struct message answer = message(SERVES, 1, QR, "a", 1);
	struct message other = message(SERVES, 1, QR, "b", 1);
	struct record record;

	look(annotator, &query, &record);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(look(annotator, &answer, &record), ANNOTATE_LOG);
		cr_assert_eq(record.query_time_ns, query.event.stamp_ns,
			     "the network may repeat it");
		cr_assert_eq(look(annotator, &other, &record), ANNOTATE_LOG);
		cr_assert_eq(record.query_time_ns, 0, "another question's");
	}
	answer.event.remote[3]++;
	cr_assert_eq(look(annotator, &answer, &record), ANNOTATE_UNSOLICITED);
	annotator_free(annotator);
}

Test(annotate, leaves_out_before_it_judges)
{
	struct tap_config config = defaults();
	struct message answer = message(SERVES, 1, QR, "a", 1);
	struct record record;

	config.types =
		~(1u << TYPE(RESOLVER_RESPONSE) |
		  1u << TYPE(FORWARDER_RESPONSE) | 1u << TYPE(UPDATE_RESPONSE));
	struct annotator *annotator = annotator_new(&config);
	cr_assert_eq(annotate(annotator, &answer.event, &at(NS_PER_S),
			      ASIDE_PLENTY, &record),
		     ANNOTATE_SKIP);
	annotator_free(annotator);
}

Test(annotate, chooses_by_type)
{
	struct tap_config config = defaults();
	config.types = 1u << TYPE(CLIENT_RESPONSE);
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct message answer = message(ANSWER, 1, QR | RD, "a", 1);
	struct record record;

	cr_assert_eq(look(annotator, &query, &record), ANNOTATE_SKIP);
	cr_assert_eq(look(annotator, &answer, &record), ANNOTATE_LOG);
	cr_assert_eq(record.query_time_ns, query.event.stamp_ns,
		     "what is left out is matched all the same");
	annotator_free(annotator);
}

Test(annotate, samples_whole_transactions)
{
	struct tap_config config = defaults();
	config.sample = 10;
	struct annotator *annotator = annotator_new(&config);
	int logged = 0;

	for (unsigned id = 0; id < 20000; id++) {
		struct message query = message(SERVES, id, 0, "a", 1);
		struct message answer = message(ANSWER, id, QR, "a", 1);
		struct record record;
		bool first = look(annotator, &query, &record) == ANNOTATE_LOG;
		bool second = look(annotator, &answer, &record) == ANNOTATE_LOG;
		cr_assert_eq(first, second, "id %u", id);
		logged += first;
	}
	cr_assert(logged > 1700 && logged < 2300, "%d of 20,000", logged);
	annotator_free(annotator);
}

/* Which of 64 ids are logged, a bit for each. */
static uint64_t choice(void)
{
	struct tap_config config = defaults();
	config.sample = 2;
	struct annotator *annotator = annotator_new(&config);
	uint64_t chosen = 0;

	for (unsigned id = 0; id < 64; id++) {
		struct message query = message(SERVES, id, 0, "a", 1);
		struct record record;
		enum annotated what = look(annotator, &query, &record);

		chosen |= (uint64_t)(what == ANNOTATE_LOG) << id;
	}
	annotator_free(annotator);
	return chosen;
}

Test(annotate, samples_as_nobody_can_predict)
{
	secret_begin();
	uint64_t once = choice();

	cr_assert_eq(choice(), once);
	secret_begin();
	cr_assert_neq(choice(), once);
}

Test(annotate, masks_addresses)
{
	static const uint8_t local[] = { 192, 0, 0, 0 };
	static const uint8_t remote[] = { 198, 51, 96, 0 };
	struct tap_config config = defaults();
	config.anonymize_v4 = 20;
	config.anonymize_v6 = 48;
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, 0, "a", 1);
	struct message answer = message(ANSWER, 1, QR, "a", 1);
	struct message six = message(SERVES | EVENT_INET6, 1, 0, "a", 1);
	struct record record;

	look(annotator, &query, &record);
	cr_assert_arr_eq(query.event.local, local, 4);
	cr_assert_arr_eq(query.event.remote, remote, 4);
	look(annotator, &answer, &record);
	cr_assert_neq(record.query_time_ns, 0, "matched before it is masked");
	memset(six.event.remote, 0xff, 16);
	look(annotator, &six, &record);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(six.event.remote[i], i < 6 ? 0xff : 0);
	annotator_free(annotator);
}

Test(annotate, masks_upstreams_in_extra)
{
	struct tap_config config = defaults();
	config.anonymize_v4 = 24;
	config.extra = (char *)"{remote} {local} {/forward/upstream}";
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct message out = message(ASKS, 9, RD, "a", 1);
	struct message answer = message(ANSWER, 1, QR | RD, "a", 1);
	static const char *const texts[] = {
		"198.51.100.0 192.0.2.0 -",
		"198.51.100.0 192.0.2.0 198.51.100.0:53",
		"198.51.100.0 192.0.2.0 198.51.100.0:53",
	};
	struct message *const messages[] = { &query, &out, &answer };
	struct record record;

	for (size_t i = 0; i < 3; i++) {
		look(annotator, messages[i], &record);
		cr_assert_eq(record.extra_size, strlen(texts[i]));
		cr_assert_arr_eq(record.extra, texts[i], record.extra_size,
				 "%.*s", (int)record.extra_size, record.extra);
	}
	annotator_free(annotator);
}

/* An address might stand in what is no record. */
Test(annotate, leaves_out_what_it_cannot_mask)
{
	struct tap_config config = defaults();
	struct annotator *plain = annotator_new(&config);
	struct tap_config masking = config;
	masking.anonymize_v6 = 48;
	struct annotator *annotator = annotator_new(&masking);
	struct message query = message(SERVES, 1, 0, "a", 1);
	struct record record;

	look(annotator, &query, &record);
	cr_assert_not(record.bare);
	query.event.size++;
	look(annotator, &query, &record);
	cr_assert(record.bare);
	look(plain, &query, &record);
	cr_assert_not(record.bare);
	annotator_free(annotator);
	annotator_free(plain);
}

/* Puts the header of a proxy before the message. */
static void put_header(struct message *m, const char *header)
{
	size_t size = strlen(header);
	uint8_t octets[64];

	memcpy(octets, m->event.payload, m->event.size);
	memcpy(m->event.payload, header, size);
	memcpy(m->event.payload + size, octets, m->event.size);
	m->event.size += size;
}

#define LINE  "PROXY TCP4 10.1.2.3 10.9.9.9 1234 53\r\n"
#define LINE6 "PROXY TCP6 2001:db8::1 2001:db8::2 1234 53\r\n"

static const char *extra_of(const struct record *record)
{
	static char text[ANNOTATE_EXTRA_MAX + 1];

	snprintf(text, sizeof(text), "%.*s", (int)record->extra_size,
		 record->extra);
	return text;
}

/* It stays behind the message that the header is taken off. */
Test(annotate, keeps_what_was_told_behind_a_proxys_header)
{
	struct tap_config config = defaults();
	config.extra = (char *)"{/a/b} {remote}";
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(ASKS, 1, RD, "a", 1);
	struct record record;

	put_header(&query, LINE);
	memcpy(query.event.payload + query.event.size, "a/b\0told", 9);
	query.event.tail = 9;
	cr_assert_eq(look(annotator, &query, &record), ANNOTATE_LOG);
	cr_assert_str_eq(extra_of(&record), "told 198.51.100.7");
	annotator_free(annotator);
}

/* The client's address is the one that the proxy tells, of the query and of its
 * response, which goes to the proxy. */
Test(annotate, names_the_client_of_a_proxy)
{
	struct tap_config config = defaults();
	config.extra = (char *)"{remote} {port} {size} {/shim/proxy}";
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct message answer = message(ANSWER, 1, QR | RD, "a", 1);
	struct message other = message(ANSWER, 1, QR | RD, "a", 1);
	struct record record;
	uint32_t size = query.event.size;

	put_header(&query, LINE);
	cr_assert_eq(look(annotator, &query, &record), ANNOTATE_LOG);
	cr_assert_eq(query.event.size, size);
	cr_assert_arr_eq(query.event.payload + 12, other.event.payload + 12,
			 size - 12);
	cr_assert_str_eq(extra_of(&record),
			 "10.1.2.3 1234 19 198.51.100.7:5000");
	cr_assert_eq(look(annotator, &answer, &record), ANNOTATE_LOG);
	cr_assert_eq(record.query_time_ns, query.event.stamp_ns);
	cr_assert_str_eq(extra_of(&record),
			 "10.1.2.3 1234 19 198.51.100.7:5000");
	cr_assert(answer.event.flags & EVENT_LOCAL);
	look(annotator, &other, &record);
	cr_assert_str_eq(extra_of(&record), "198.51.100.7 5000 - -");
	annotator_free(annotator);
}

Test(annotate, leaves_out_an_address_of_another_family)
{
	struct tap_config config = defaults();
	config.anonymize_v4 = 8, config.anonymize_v6 = 16;
	config.extra = (char *)"{remote} {local} {/shim/proxy}";
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct record record;

	put_header(&query, LINE6);
	cr_assert_eq(look(annotator, &query, &record), ANNOTATE_LOG);
	cr_assert_eq(query.event.flags & (EVENT_INET6 | EVENT_LOCAL),
		     EVENT_INET6);
	cr_assert_str_eq(extra_of(&record), "[2001::] - 198.0.0.0:5000");
	annotator_free(annotator);
}

/* Over TCP it stands before every message of the connection. */
Test(annotate, knows_the_client_of_a_connection)
{
	struct tap_config config = defaults();
	struct annotator *annotator = annotator_new(&config);
	struct message answer = message(ANSWER | EVENT_TCP, 1, QR, "a", 1);
	static const uint8_t client[] = { 10, 1, 2, 3 };
	struct record record;

	answer.event.flags |= EVENT_PROXY;
	put_header(&answer, LINE);
	cr_assert_eq(look(annotator, &answer, &record), ANNOTATE_LOG);
	cr_assert_arr_eq(answer.event.remote, client, 4);
	cr_assert_eq(record.query_time_ns, 0);
	annotator_free(annotator);
}

/* A message with such a header, and what becomes of it. */
Test(annotate, strips_headers)
{
	static const struct {
		const char *what, *header;
		uint8_t event;
		bool off, names;
	} cases[] = {
		{ "to a server", LINE, SERVES, true, true },
		{ "to an upstream", LINE, ASKS, true, false },
		{ "of nobody", "PROXY UNKNOWN\r\n", SERVES, true, false },
		{ "not whole", "PROXY TCP4 10.1.2.3 ", SERVES, false, false },
		{ "to one that asks", LINE, 0, false, false },
		{ "within a connection", LINE, SERVES | EVENT_TCP, false,
		  false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tap_config config = defaults();
		struct annotator *annotator = annotator_new(&config);
		struct message m = message(cases[i].event, 1, 0, "a", 1);
		uint32_t size = m.event.size;
		struct record record;

		put_header(&m, cases[i].header);
		cr_assert_eq(look(annotator, &m, &record), ANNOTATE_LOG);
		cr_assert_eq(m.event.size == size, cases[i].off, "%s",
			     cases[i].what);
		cr_assert_eq(m.event.remote[0] == 10, cases[i].names, "%s",
			     cases[i].what);
		annotator_free(annotator);
	}
}

/* Of the proxy's address, 198.51.100.7, and of what this process sends. */
Test(annotate, believes_those_that_are_listed)
{
	static const struct {
		const char *network;
		uint16_t event, hides;
		bool off;
	} cases[] = {
		{ "198.51.100.7", SERVES, 0, true },
		{ "198.51.100.0/24", SERVES, 0, true },
		{ "198.51.100.8/29", SERVES, 0, false },
		{ "10.0.0.0/8", SERVES, 0, false }, /* the client's */
		{ "c633:6407::/32", SERVES, 0, false },
		{ NULL, SERVES, 0, false },
		{ "0.0.0.0/0", SERVES, EVENT_REMOTE, false },
		{ NULL, ASKS, 0, true },
		{ NULL, SERVES | EVENT_TCP | EVENT_PROXY, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct proxies proxies = { 0 };
		struct tap_config config = defaults();
		config.proxies = &proxies;
		if (cases[i].network)
			cr_assert_eq(networks_add(&proxies.networks,
						  cases[i].network),
				     0);
		struct annotator *annotator = annotator_new(&config);
		struct message m = message(0, 1, 0, "a", 1), as_it_came;
		struct record record;
		uint32_t size = m.event.size;

		m.event.flags |= cases[i].event;
		m.event.flags &= ~cases[i].hides;
		put_header(&m, LINE);
		as_it_came = m;
		cr_assert_eq(look(annotator, &m, &record), ANNOTATE_LOG);
		if (cases[i].off)
			cr_assert_eq(m.event.size, size, "case %zu", i);
		else
			cr_assert_arr_eq(&m.event, &as_it_came.event,
					 sizeof(m.event) + m.event.size,
					 "case %zu", i);
		annotator_free(annotator);
		proxies_release(&proxies);
	}
}

Test(annotate, counts_a_header_without_message)
{
	struct tap_config config = defaults();
	struct annotator *annotator = annotator_new(&config);
	struct message m = message(SERVES, 1, 0, "a", 1);
	struct record record;

	m.event.size = EVENT_PAYLOAD_MIN - 1;
	put_header(&m, LINE);
	cr_assert_eq(look(annotator, &m, &record), ANNOTATE_MALFORMED);
	annotator_free(annotator);
}

Test(annotate, renders_extra)
{
	struct tap_config config = defaults();
	config.extra = (char *)"{name} {/forward/upstream} {/shim/type}";
	struct annotator *annotator = annotator_new(&config);
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct message out = message(ASKS, 9, RD, "a", 1);
	struct message answer = message(ANSWER, 1, QR | RD, "a", 1);
	static const char *const texts[] = {
		"a. - CLIENT_QUERY",
		"a. 198.51.100.7:53 FORWARDER_QUERY",
		"a. 198.51.100.7:53 CLIENT_RESPONSE",
	};
	struct message *const messages[] = { &query, &out, &answer };
	struct record record;

	for (size_t i = 0; i < 3; i++) {
		look(annotator, messages[i], &record);
		cr_assert_eq(record.extra_size, strlen(texts[i]));
		cr_assert_arr_eq(record.extra, texts[i], record.extra_size,
				 "%.*s", (int)record.extra_size, record.extra);
	}
	annotator_free(annotator);
}

/* A tap that reads `words` in its braces. */
static struct tap_config filtering(const char *words)
{
	struct config_error *errors = NULL;
	struct tap_config config;

	config_choice_init(&config);
	cr_assert_eq(config_choice_read(words, "words", &config, &errors), 0,
		     "%s", words);
	return config;
}

static void expect_looks(const char *words, const struct message *messages,
			 size_t n, const char *verdicts)
{
	struct tap_config config = filtering(words);
	struct annotator *annotator = annotator_new(&config);
	char found[16] = "";

	for (size_t i = 0; i < n; i++) {
		struct message m = messages[i];
		struct record record;
		enum annotated verdict = look(annotator, &m, &record);

		found[i] = verdict == ANNOTATE_LOG    ? 'L'
			   : verdict == ANNOTATE_SKIP ? 's'
						      : '?';
	}
	cr_expect_str_eq(found, verdicts, "%s: %s", words, found);
	annotator_free(annotator);
	config_choice_free(&config);
}

#define NXDOMAIN 3

Test(annotate, filter)
{
	struct message messages[] = {
		message(SERVES, 1, RD, "a", 1),
		message(ANSWER, 1, QR | RD | NXDOMAIN, "a", 1),
		message(SERVES, 2, RD, "b", 28),
		message(ANSWER, 2, QR | RD, "b", 28),
		message(ASKS, 3, RD, "a", 1), /* of 192.0.2.53 */
		message(0, 3, QR | RD, "a", 1),
	};
	static const struct {
		const char *words, *verdicts;
	} cases[] = {
		{ "", "LLLLLL" },
		{ "name A", "LLssLL" },
		{ "not name a", "ssLLss" },
		{ "qtype AAAA", "ssLLss" },
		{ "client 198.51.100.0/24", "LLLLss" },
		{ "client 192.0.2.53", "ssssLL" },
		{ "rcode NXDOMAIN", "sLssss" },
		{ "not rcode NOERROR", "LLLsLs" },
		{ "rcode NXDOMAIN; name b", "ssssss" },
		{ "duration 250ms", "sLssss" },
		{ "not duration 250ms; not name b", "LsssLL" },
		{ "rsize 19", "sLsLsL" },
		{ "rsize 20", "ssssss" },
		{ "types client; name a", "LLssss" },
	};

	messages[1].event.stamp_ns += 250 * NS_PER_MS;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_looks(cases[i].words, messages, ARRAY_SIZE(messages),
			     cases[i].verdicts);
}

/* Some servers refuse with the header alone. What was not asked here is judged by
 * what it says itself. */
Test(annotate, a_response_goes_with_its_query_through_the_filter)
{
	struct message messages[] = {
		message(SERVES, 1, RD, "a", 1),
		message(ANSWER, 1, QR | RD, "a", 1),
		message(SERVES, 2, RD, "b", 1),
		message(ANSWER, 2, QR | RD, "b", 1),
		message(ANSWER, 4, QR | RD, "a", 1),
		message(ANSWER, 5, QR | RD, "b", 1),
	};

	for (int i = 1; i <= 3; i += 2) {
		messages[i].event.size = 12;
		messages[i].event.payload[5] = 0;
	}
	expect_looks("name a", messages, ARRAY_SIZE(messages), "LLssLs");
	expect_looks("not name a", messages, ARRAY_SIZE(messages), "ssLLsL");
}

/* By addresses before they are masked. */
Test(annotate, filter_by_client)
{
	struct tap_config config = filtering("client 198.51.100.7");
	struct message query = message(SERVES, 1, RD, "a", 1);
	struct message answer = message(ANSWER, 1, QR | RD, "a", 1);
	const struct extra_constants dead = { 0 };
	struct record record;

	config.anonymize_v4 = 8;
	struct annotator *annotator = annotator_new_after(&config, &dead);
	cr_expect_eq(look(annotator, &query, &record), ANNOTATE_LOG);
	cr_expect_eq(look(annotator, &answer, &record), ANNOTATE_LOG);
	cr_expect_eq(query.event.remote[3], 0);
	annotator_free(annotator);
	config_choice_free(&config);
}
