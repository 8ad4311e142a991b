/* SPDX-License-Identifier: Apache-2.0
 *
 * Out of the tail, and into dnstap's fields.
 */
#include "proto/given.h"

#include <string.h>

#include "proto/common.h"
#include "proto/record.h"

#define TYPE(name) (1u << DNSTAP__MESSAGE__TYPE__##name)

bool given_is_asked(unsigned type)
{
	return (TYPE(RESOLVER_QUERY) | TYPE(RESOLVER_RESPONSE) |
		TYPE(FORWARDER_QUERY) | TYPE(FORWARDER_RESPONSE) |
		TYPE(STUB_QUERY) | TYPE(STUB_RESPONSE) | TYPE(TOOL_QUERY) |
		TYPE(TOOL_RESPONSE)) >>
		       type &
	       1;
}

bool given_is_sound(const struct given *head)
{
	return head->type >= DNSTAP__MESSAGE__TYPE__AUTH_QUERY &&
	       head->type <= DNSTAP__MESSAGE__TYPE__UPDATE_RESPONSE &&
	       head->protocol <= DNSTAP__SOCKET_PROTOCOL__DOQ &&
	       head->http <= DNSTAP__HTTP_PROTOCOL__HTTP3 &&
	       head->policy_match <= DNSTAP__POLICY__MATCH__NS_IP &&
	       head->policy_action <= DNSTAP__POLICY__ACTION__LOCAL_DATA &&
	       (given_is_response(head->type) ||
		(!head->size[GIVEN_QUERY] && !head->response_ns)) &&
	       (!head->size[GIVEN_QUERY] ||
		head->size[GIVEN_QUERY] >= EVENT_PAYLOAD_MIN);
}

bool given_read(const struct event *event, struct given_message *given)
{
	const uint8_t *tail = event->payload + event->size;
	size_t at = sizeof(given->head);

	if (event->tail < at)
		return false;
	memcpy(&given->head, tail, at);
	for (int i = 0; i < GIVEN_PARTS; i++) {
		given->part[i] = tail + at;
		at += given->head.size[i];
	}
	size_t type = given->head.size[GIVEN_POLICY_TYPE];
	return at == event->tail && given_is_sound(&given->head) &&
	       (!type || !given->part[GIVEN_POLICY_TYPE][type - 1]);
}

static protobuf_c_boolean part(const struct given_message *given,
			       enum given_part number,
			       ProtobufCBinaryData *field)
{
	/* protobuf-c does not write to what it packs. */
	field->data = (uint8_t *)given->part[number];
	field->len = given->head.size[number];
	return field->len != 0;
}

static bool fill_policy(const struct given_message *given,
			Dnstap__Policy *policy)
{
	dnstap__policy__init(policy);
	/* A string of protobuf-c's ends in a NUL, which lies in the part. */
	if (given->head.size[GIVEN_POLICY_TYPE])
		policy->type = (char *)given->part[GIVEN_POLICY_TYPE];
	policy->has_rule = part(given, GIVEN_POLICY_RULE, &policy->rule);
	policy->has_value = part(given, GIVEN_POLICY_VALUE, &policy->value);
	policy->has_match = given->head.policy_match != 0;
	policy->match = given->head.policy_match;
	policy->has_action = given->head.policy_action != 0;
	policy->action = given->head.policy_action;
	return policy->type || policy->has_rule || policy->has_value ||
	       policy->has_match || policy->has_action;
}

/* What lies in the event itself. */
static void fill_sides(const struct record *record, Dnstap__Message *message)
{
	const struct event *event = record->event;
	const size_t size = event->flags & EVENT_INET6 ? 16 : 4;
	const bool asked = record->asked;
	const bool known[] = { event->flags & EVENT_LOCAL,
			       event->flags & EVENT_REMOTE };
	const uint16_t port[] = { event->local_port, event->remote_port };
	const ProtobufCBinaryData address[] = {
		{ size, (uint8_t *)event->local },
		{ size, (uint8_t *)event->remote },
	};

	message->socket_family = event->flags & EVENT_INET6
					 ? DNSTAP__SOCKET_FAMILY__INET6
					 : DNSTAP__SOCKET_FAMILY__INET;
	message->has_query_address = known[!asked];
	message->query_address = address[!asked];
	message->has_query_port = port[!asked] != 0;
	message->query_port = port[!asked];
	message->has_response_address = known[asked];
	message->response_address = address[asked];
	message->has_response_port = port[asked] != 0;
	message->response_port = port[asked];
}

static void fill_times(const struct given *head, Dnstap__Message *message)
{
	message->has_query_time_sec = message->has_query_time_nsec =
		head->query_ns != 0;
	message->query_time_sec = head->query_ns / NS_PER_S;
	message->query_time_nsec = head->query_ns % NS_PER_S;
	message->has_response_time_sec = message->has_response_time_nsec =
		head->response_ns != 0;
	message->response_time_sec = head->response_ns / NS_PER_S;
	message->response_time_nsec = head->response_ns % NS_PER_S;
}

static void fill_messages(const struct record *record, Dnstap__Message *message)
{
	const ProtobufCBinaryData payload = {
		record->event->size, (uint8_t *)record->event->payload
	};

	message->has_response_message = record->response;
	message->response_message = payload;
	message->query_message = payload;
	message->has_query_message =
		!record->response ||
		part(record->given, GIVEN_QUERY, &message->query_message);
}

void given_fill(const struct record *record, bool full,
		Dnstap__Message *message, Dnstap__Policy *policy)
{
	const struct given_message *given = record->given;
	const struct given *head = &given->head;

	dnstap__message__init(message);
	message->type = record->type;
	fill_sides(record, message);
	fill_times(head, message);
	message->has_socket_family = head->family;
	message->has_socket_protocol = head->protocol != 0;
	message->socket_protocol = head->protocol;
	message->has_http_protocol = head->http != 0;
	message->http_protocol = head->http;
	message->has_query_zone = part(given, GIVEN_ZONE, &message->query_zone);
	if (full)
		fill_messages(record, message);
	if (fill_policy(given, policy))
		message->policy = policy;
}
