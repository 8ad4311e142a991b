/* SPDX-License-Identifier: Apache-2.0
 *
 * A response brings its query along, or nothing is known of that.
 */
#include "shim/tap/annotate/given.h"

#include "proto/dns.h"
#include "proto/text.h"

static bool is_timed(const struct given *head)
{
	return head->query_ns && head->response_ns >= head->query_ns;
}

static void read_query(const struct given_message *given,
		       struct record_query *query)
{
	uint16_t size = given->head.size[GIVEN_QUERY];
	struct dns_edns edns;

	dns_edns_parse(given->part[GIVEN_QUERY], size, &edns);
	*query = (struct record_query){
		.size = size,
		.udp_size = edns.udp_size,
		.dnssec_ok = edns.dnssec_ok,
	};
}

bool given_record(const struct event *event, struct given_message *given,
		  struct record_query *query, struct record *record)
{
	if (!given_read(event, given))
		return false;
	const struct given *head = &given->head;
	bool response = given_is_response(head->type);
	*record = (struct record){
		.event = event,
		.type = head->type,
		.response = response,
		.asked = given_is_asked(head->type),
		.time_ns = response ? head->response_ns : head->query_ns,
		.query_time_ns = response ? head->query_ns : 0,
		.query = head->size[GIVEN_QUERY] ? query : NULL,
		.given = given,
		.metadata = (const char *)given->part[GIVEN_METADATA],
		.metadata_size = head->size[GIVEN_METADATA],
	};
	if (record->query)
		read_query(given, query);
	/* A string of dnstap's. */
	text_make_utf8((char *)given->part[GIVEN_POLICY_TYPE],
		       head->size[GIVEN_POLICY_TYPE]);
	return true;
}

bool given_passes(const struct filter *filter, const struct record *record,
		  const struct address *client)
{
	const struct given_message *given = record->given;
	const struct given *head = &given->head;
	struct filter_message message = {
		.payload = record->event->payload,
		.size = record->event->size,
		.response = record->response,
		.timed = is_timed(head),
		.duration_ns = head->response_ns - head->query_ns,
		.client = *client,
	};
	struct filter_message question = message;

	/* As others: a response goes the way of its query. */
	if (head->size[GIVEN_QUERY]) {
		question.payload = given->part[GIVEN_QUERY];
		question.size = head->size[GIVEN_QUERY];
	}
	return filter_is_empty(filter) ||
	       (filter_wants_question(filter, &question) &&
		filter_wants_response(filter, &message));
}

bool given_mask(struct given_message *given, unsigned v4_bits, unsigned v6_bits)
{
	struct given *head = &given->head;

	if (head->policy_match == DNSTAP__POLICY__MATCH__CLIENT_IP)
		head->size[GIVEN_POLICY_RULE] = head->size[GIVEN_POLICY_VALUE] =
			0;
	return !head->size[GIVEN_QUERY] ||
	       dns_client_subnet_mask((uint8_t *)given->part[GIVEN_QUERY],
				      head->size[GIVEN_QUERY], v4_bits,
				      v6_bits);
}
