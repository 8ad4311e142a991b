/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tap/annotate/choice.h"

#include <string.h>

#include "proto/dns.h"
#include "shim/base/secret.h"

static struct address address_of(const uint8_t *octets, uint16_t known,
				 uint16_t flags)
{
	struct address address = { 0 };

	if (flags & known)
		address_set(&address, octets, flags & EVENT_INET6);
	return address;
}

void choice_see(struct choice *choice, const struct event *event)
{
	choice->remote = address_of(event->remote, EVENT_REMOTE, event->flags);
}

/* By the other side, the asker's port, the id and the request of HTTP's, which are the
 * same for a query and its response, and in every process that sees one of them. */
bool choice_in_sample(const struct choice *choice,
		      const struct match_message *message)
{
	const struct event *event = message->event;
	uint64_t words[4];

	memcpy(words, event->remote, 16);
	words[2] = message->asked ? event->local_port : event->remote_port;
	words[2] = words[2] << 16 | message->header.id;
	words[3] = event->flags & EVENT_HTTP ? event->exchange : 0;
	return secret_hash(words, 4) % choice->config->sample == 0;
}

struct address choice_asker(const struct choice *choice,
			    const struct match_message *message,
			    const struct address *client)
{
	const struct event *event = message->event;

	if (message->asked)
		return address_of(event->local, EVENT_LOCAL, event->flags);
	return client->known ? *client : choice->remote;
}

bool choice_of_question(const struct choice *choice,
			const struct match_message *message,
			const struct address *client)
{
	return filter_wants_question(
		&choice->config->filter,
		&(struct filter_message){
			.payload = message->event->payload,
			.size = message->event->size,
			.client = choice_asker(choice, message, client),
		});
}

/* As far as its question goes, a response goes with its query. */
static bool is_question_wanted(const struct choice *choice,
			       const struct match_message *message,
			       const struct match_message *query,
			       const struct address *client)
{
	if (query)
		return !query->unwanted;
	if (!DNS_QR(message->header.flags))
		return !message->unwanted;
	return choice_of_question(choice, message, client);
}

static bool is_response_wanted(const struct choice *choice,
			       const struct match_message *message,
			       const struct match_message *query)
{
	const struct event *event = message->event;
	struct filter_message response = {
		.payload = event->payload,
		.size = event->size,
		.response = DNS_QR(message->header.flags),
		.timed = query,
	};

	if (query && event->stamp_ns > query->event->stamp_ns)
		response.duration_ns = event->stamp_ns - query->event->stamp_ns;
	return filter_wants_response(&choice->config->filter, &response);
}

bool choice_of_message(const struct choice *choice,
		       const struct match_message *message,
		       const struct match_message *query,
		       const struct address *client)
{
	return is_question_wanted(choice, message, query, client) &&
	       is_response_wanted(choice, message, query);
}
