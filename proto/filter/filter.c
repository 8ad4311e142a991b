/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging a message.
 */
#include "proto/filter/filter.h"

#include "proto/common.h"
#include "proto/dns.h"

#define BITS(first, last) ((2u << (last)) - (1u << (first)))
#define QUESTION          BITS(FILTER_NAME, FILTER_CLIENT)
#define RESPONSE          BITS(FILTER_RCODE, FILTER_DURATION)

/* The message and its question, which is read once, and only if it is needed. */
struct judged {
	const struct filter_message *message;
	struct dns_question question; /* without a name: there is none */
};

static bool is_name(const struct filter_side *side, const struct judged *judged)
{
	const struct dns_question *question = &judged->question;

	return question->name &&
	       names_have(&side->names, question->name, question->name_size);
}

static bool is_type(const struct filter_side *side, const struct judged *judged)
{
	return judged->question.name &&
	       numbers_have(&side->types, judged->question.type);
}

static bool is_client(const struct filter_side *side,
		      const struct judged *judged)
{
	const struct address *client = &judged->message->client;

	return client->known && networks_have(&side->clients, client);
}

static bool is_rcode(const struct filter_side *side,
		     const struct judged *judged)
{
	const struct filter_message *message = judged->message;
	struct dns_header header;
	struct dns_edns edns;

	if (!message->response || !message->payload)
		return false;
	dns_header_parse(message->payload, &header);
	dns_edns_parse(message->payload, message->size, &edns);
	return numbers_have(&side->rcodes,
			    edns.rcode_high << 4 | DNS_RCODE(header.flags));
}

static bool is_large(const struct filter_side *side,
		     const struct judged *judged)
{
	const struct filter_message *message = judged->message;

	return message->response && message->payload &&
	       message->size >= side->size;
}

static bool is_slow(const struct filter_side *side, const struct judged *judged)
{
	const struct filter_message *message = judged->message;

	return message->response && message->timed &&
	       message->duration_ns >= side->duration_ns;
}

typedef bool meets_fn(const struct filter_side *side,
		      const struct judged *judged);

static meets_fn *const meets[] = {
	[FILTER_NAME] = is_name,     [FILTER_QTYPE] = is_type,
	[FILTER_CLIENT] = is_client, [FILTER_RCODE] = is_rcode,
	[FILTER_RSIZE] = is_large,   [FILTER_DURATION] = is_slow,
};

_Static_assert(ARRAY_SIZE(meets) == FILTER_KEYS, "each key is judged");

/* Are all conditions, of those of `keys` that are set, met or not met? */
static bool are_all(const struct filter_side *side, unsigned keys, bool met,
		    const struct judged *judged)
{
	for (unsigned left = side->set & keys; left; left &= left - 1)
		if (meets[__builtin_ctz(left)](side, judged) != met)
			return false;
	return true;
}

static bool wants(const struct filter *filter, unsigned keys,
		  const struct filter_message *message)
{
	struct judged judged = { .message = message };
	uint8_t expanded[DNS_NAME_SIZE];

	if (!((filter->only.set | filter->except.set) & keys))
		return true;
	if (keys == QUESTION && message->payload)
		dns_question_parse(message->payload, message->size,
				   &judged.question, expanded);
	return are_all(&filter->only, keys, true, &judged) &&
	       are_all(&filter->except, keys, false, &judged);
}

bool filter_wants_question(const struct filter *filter,
			   const struct filter_message *message)
{
	return wants(filter, QUESTION, message);
}

bool filter_wants_response(const struct filter *filter,
			   const struct filter_message *message)
{
	return wants(filter, RESPONSE, message);
}
