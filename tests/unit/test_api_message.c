/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs have been compiled with stays as it is; what they give is checked, and
 * comes out on the tap's side as it was given.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/common.h"
#include "shim/api/message.h"
#include "shim/capture/octets.h"

#define OFFSET(type, member, at) \
	cr_assert_eq(offsetof(struct dnstapshim_##type, member), at)
#define SIZEOF(type, size) cr_assert_eq(sizeof(struct dnstapshim_##type), size)

/* Of DNSTAPSHIM_1, on both architectures. */
Test(api_message, has_the_layout_that_programs_have)
{
	SIZEOF(tap, 32);
	OFFSET(tap, socket, 0);
	OFFSET(tap, id, 8);
	OFFSET(tap, full, 12);
	SIZEOF(pair, 16);
	OFFSET(pair, key, 0);
	OFFSET(pair, value, 8);
	SIZEOF(policy, 56);
	OFFSET(policy, size, 0);
	OFFSET(policy, type, 8);
	OFFSET(policy, match, 16);
	OFFSET(policy, action, 20);
	OFFSET(policy, rule, 24);
	OFFSET(policy, value, 32);
	OFFSET(policy, rule_size, 40);
	OFFSET(policy, value_size, 48);
	SIZEOF(message, 120);
	OFFSET(message, size, 0);
	OFFSET(message, type, 8);
	OFFSET(message, family, 12);
	OFFSET(message, protocol, 16);
	OFFSET(message, http, 20);
	OFFSET(message, query_address, 24);
	OFFSET(message, response_address, 32);
	OFFSET(message, query_port, 40);
	OFFSET(message, response_port, 42);
	OFFSET(message, query_time, 48);
	OFFSET(message, response_time, 56);
	OFFSET(message, query, 64);
	OFFSET(message, response, 72);
	OFFSET(message, query_size, 80);
	OFFSET(message, response_size, 88);
	OFFSET(message, zone, 96);
	OFFSET(message, zone_size, 104);
	OFFSET(message, policy, 112);
}

Test(api_message, has_the_numbers_of_dnstap)
{
	cr_assert_eq(DNSTAPSHIM_UPDATE_RESPONSE,
		     DNSTAP__MESSAGE__TYPE__UPDATE_RESPONSE);
	cr_assert_eq(DNSTAPSHIM_CLIENT_QUERY,
		     DNSTAP__MESSAGE__TYPE__CLIENT_QUERY);
	cr_assert_eq(DNSTAPSHIM_INET6, DNSTAP__SOCKET_FAMILY__INET6);
	cr_assert_eq(DNSTAPSHIM_DNSCRYPT_TCP,
		     DNSTAP__SOCKET_PROTOCOL__DNSCryptTCP);
	cr_assert_eq(DNSTAPSHIM_DOQ, DNSTAP__SOCKET_PROTOCOL__DOQ);
	cr_assert_eq(DNSTAPSHIM_HTTP3, DNSTAP__HTTP_PROTOCOL__HTTP3);
	cr_assert_eq(DNSTAPSHIM_NS_IP, DNSTAP__POLICY__MATCH__NS_IP);
	cr_assert_eq(DNSTAPSHIM_LOCAL_DATA, DNSTAP__POLICY__ACTION__LOCAL_DATA);
}

static const uint8_t octets[EVENT_OCTETS_MAX + 1];
static const struct dnstapshim_message good = {
	.size = sizeof(good),
	.type = DNSTAPSHIM_CLIENT_RESPONSE,
	.response = octets,
	.response_size = 12,
};
static const struct dnstapshim_policy policy = { .size = sizeof(policy) };
static const struct timespec wrong_times[] = {
	{ -1, 0 }, { 0, -1 }, { 0, 1000000000 }, { INT64_MAX, 0 }
};

static int check(struct dnstapshim_message message)
{
	struct api_message read;

	return api_message_read(&read, &message, NULL, 0);
}

/* The good one with something else. */
#define WITH(...)                                         \
	check(({                                          \
		struct dnstapshim_message message = good; \
		struct dnstapshim_message *m = &message;  \
		__VA_ARGS__;                              \
		message;                                  \
	}))
#define REFUSES(error, ...) cr_assert_eq(WITH(__VA_ARGS__), -(error))

Test(api_message, refuses_what_dnstap_cannot_say)
{
	struct dnstapshim_policy other = policy;
	struct api_message read;

	cr_assert_eq(WITH((void)m), 0);
	cr_assert_eq(api_message_read(&read, NULL, NULL, 0), -EINVAL);
	REFUSES(EINVAL, m->size--);
	REFUSES(EINVAL, m->type = 0);
	REFUSES(EINVAL, m->type = 15);
	REFUSES(EINVAL, m->type = 1u << 31 | 6);
	REFUSES(EINVAL, m->family = 3);
	REFUSES(EINVAL, m->protocol = 8);
	REFUSES(EINVAL, m->protocol = 257);
	REFUSES(EINVAL, m->http = 4);
	REFUSES(EINVAL, m->query_address = octets);
	REFUSES(EINVAL, m->response = NULL);
	REFUSES(EINVAL, m->response_size = 11);
	REFUSES(EINVAL, m->query = octets; m->query_size = 11);
	REFUSES(EINVAL, m->query_size = 12);
	REFUSES(EINVAL, m->type = DNSTAPSHIM_CLIENT_QUERY);
	REFUSES(EINVAL, m->type = DNSTAPSHIM_CLIENT_QUERY; m->query = octets;
		m->query_size = 12);
	for (size_t i = 0; i < ARRAY_SIZE(wrong_times); i++) {
		REFUSES(EINVAL, m->query_time = &wrong_times[i]);
		REFUSES(EINVAL, m->response_time = &wrong_times[i]);
	}
	REFUSES(EINVAL, m->zone_size = 1);
	REFUSES(EINVAL, m->zone = "\3abc"; m->zone_size = 4);
	REFUSES(EINVAL, m->zone = "\3abc\0"; m->zone_size = 6);
	REFUSES(EINVAL, m->zone = "\300\14"; m->zone_size = 2);
	REFUSES(EINVAL, m->zone = octets; m->zone_size = 2);
	cr_assert_eq(WITH(m->zone = "\3abc"; m->zone_size = 5), 0);
	other.match = 6;
	REFUSES(EINVAL, m->policy = &other);
	other.match = 257;
	REFUSES(EINVAL, m->policy = &other);
	other = policy;
	other.size = 8;
	REFUSES(EINVAL, m->policy = &other);
	other = policy;
	other.rule_size = 1;
	REFUSES(EINVAL, m->policy = &other);
}

Test(api_message, knows_how_much_it_takes)
{
	char value[DNSTAPSHIM_METADATA_MAX] = "";
	struct dnstapshim_pair pair = { "a/b", value };
	struct api_message read;

	REFUSES(EMSGSIZE, m->response_size = 65536);
	REFUSES(EMSGSIZE, m->response_size = SIZE_MAX);
	REFUSES(EMSGSIZE, m->query = octets; m->query_size = 65536);
	REFUSES(EMSGSIZE, m->query = octets; m->query_size = 65000;
		m->response_size = 2000);
	cr_assert_eq(WITH(m->response_size = 65535), 0);
	cr_assert_eq(WITH(m->query = octets; m->query_size = 64000;
			  m->response_size = 1000),
		     0);
	memset(value, 'x', sizeof(value) - 5);
	cr_assert_eq(api_message_read(&read, &good, &pair, 1), 0);
	memset(value, 'x', sizeof(value) - 4);
	cr_assert_eq(api_message_read(&read, &good, &pair, 1), -EMSGSIZE);
	pair.value = NULL;
	cr_assert_eq(api_message_read(&read, &good, &pair, 1), -EINVAL);
}

/* As capture puts it into a queue. */
static struct event *event_of(struct api_message *read)
{
	struct event *event =
		calloc(1, sizeof(*event) + event_octets(&read->seen));
	const struct octets tail = { .iov = read->tail,
				     .left = read->seen.tail };

	*event = read->seen;
	memcpy(event->payload, read->payload.iov_base, event->size);
	octets_copy(&tail, event->payload + event->size, event->tail);
	return event;
}

/* Every octet that it may have is changed; it is refused, or in bounds. */
Test(api_message, is_read_as_if_it_were_anybodys)
{
	static const struct dnstapshim_pair pair = { "a/b", "value" };
	struct dnstapshim_message message = good;
	struct dnstapshim_policy own = policy;
	struct given_message given;
	struct api_message read;
	unsigned good_ones = 0;

	own.type = "RPZ";
	message.policy = &own;
	message.query = octets;
	message.query_size = 20;
	cr_assert_eq(api_message_read(&read, &message, &pair, 1), 0);
	struct event *event = event_of(&read);
	cr_assert(given_read(event, &given));
	cr_assert_str_eq((char *)given.part[GIVEN_POLICY_TYPE], "RPZ");
	cr_assert_eq(given.head.size[GIVEN_QUERY], 20);
	for (size_t at = 0; at < event->tail; at++)
		for (int value = 0; value < 256; value++) {
			uint8_t *octet = event->payload + event->size + at;
			uint8_t was = *octet;

			*octet = value;
			if (given_read(event, &given)) {
				good_ones++;
				cr_assert_leq(
					given.part[GIVEN_METADATA] +
						given.head.size[GIVEN_METADATA],
					event->payload + event_octets(event));
			}
			*octet = was;
		}
	cr_assert_gt(good_ones, 1000);
	event->tail--;
	cr_assert_not(given_read(event, &given));
	event->tail = sizeof(struct given) - 1;
	cr_assert_not(given_read(event, &given));
	free(event);
}
