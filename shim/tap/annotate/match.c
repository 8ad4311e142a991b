/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table over a fixed array of queries, its buckets and the whole linked
 * from the oldest to the newest. Free entries are reused last in, first out, so
 * that only as many are ever touched as queries are open at one time.
 */
#include "shim/tap/annotate/match.h"

#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/map.h"
#include "shim/base/secret.h"

#define BUCKETS    MATCH_QUERIES_MAX
#define STEPS_MAX  128 /* in one bucket: somebody may fill it on purpose */
#define QTYPE_IXFR 251
#define QTYPE_AXFR 252

/* The opcode and RD: RFC 1035 4.1.1 has responses copy them; not all do. */
#define COPIED_FLAGS (15 << 11 | 1 << 8)

struct query {
	struct match_message message; /* ->event points to `event` */
	struct event event;           /* without payload */
	uint64_t used_ns;             /* its time, or its last response's */
	uint32_t before, next; /* in the bucket; `next` also of free entries */
	uint32_t older, newer; /* of all */
};

struct bucket {
	uint32_t oldest, newest;
};

struct match {
	/* Indices into query; 0 is none, and both ends of the list of all. */
	struct bucket bucket[BUCKETS];
	uint32_t free;
	uint32_t used; /* entries that have ever been in use */
	struct query query[MATCH_QUERIES_MAX + 1];
	/* Each in the one place for its transaction; linked nowhere. */
	struct query answered[MATCH_ANSWERED_MAX];
};

struct match *match_new(void)
{
	return map_new(sizeof(struct match));
}

void match_free(struct match *match)
{
	map_free(match, sizeof(*match));
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

static uint64_t word_at(const uint8_t *octets)
{
	uint64_t word;

	memcpy(&word, octets, sizeof(word));
	return word;
}

/* `fold` is 0, or 0x20 in every octet, in which letters are the same in either
 * case. What else it makes equal does not matter beside ids and ports. What is left
 * of the last word is read with octets of the one before it. */
static uint64_t mix_octets(uint64_t hash, const uint8_t *octets, size_t size,
			   uint64_t fold)
{
	uint64_t word = size;
	size_t at = 0;

	for (; size - at >= sizeof(word); at += sizeof(word))
		hash = mix(hash, word_at(octets + at) | fold);
	if (at && at < size)
		word = word_at(octets + size - sizeof(word));
	for (; !at && size; size--)
		word = word << 8 | *octets++;
	return mix(hash, word | fold);
}

/* Letters without their case: servers may answer in another one. */
static uint64_t hash_question(const struct dns_question *question)
{
	return mix_octets((uint64_t)question->type << 16 | question->class,
			  question->name, question->name_size,
			  0x2020202020202020);
}

/* Requests of one connection may be under way at one time, all of one id. */
static uint64_t exchange_of(const struct event *event)
{
	return event->flags & EVENT_HTTP ? event->exchange : 0;
}

/* Everything that a query and its response have in common, but for the question,
 * which a response may leave out, and the local address, which may not be
 * known of both. The secret keeps strangers from filling a bucket. */
static uint64_t transaction_of(const struct match_message *message)
{
	const struct event *event = message->event;
	uint64_t hash = (uint64_t)event->remote_port << 48 |
			(uint64_t)event->local_port << 32 |
			(uint64_t)message->header.id << 16 |
			(event->flags & (EVENT_TCP | EVENT_INET6)) << 1 |
			message->asked;

	hash = mix(mix(secret_word(), hash), exchange_of(event));
	return mix_octets(hash, event->remote, 16, 0);
}

void match_parse(const struct event *event, struct match_message *message)
{
	struct dns_question question;
	uint8_t expanded[DNS_NAME_SIZE];

	message->event = event;
	dns_header_parse(event->payload, &message->header);
	/* A sent query and a received response are of a question that was asked
	 * here; the two others of one that is answered here. */
	message->asked = !!(event->flags & EVENT_SENT) !=
			 !!DNS_QR(message->header.flags);
	message->question = dns_question_parse(event->payload, event->size,
					       &question, expanded);
	message->transfer = false;
	message->question_hash = 0;
	if (message->question) {
		message->transfer = question.type == QTYPE_AXFR ||
				    question.type == QTYPE_IXFR;
		message->question_hash = hash_question(&question);
	}
	message->transaction = transaction_of(message);
}

static bool is_of(const struct match_message *response,
		  const struct match_message *query)
{
	const struct event *a = response->event, *b = query->event;
	uint8_t both = a->flags & b->flags, either = a->flags ^ b->flags;

	return response->header.id == query->header.id &&
	       response->asked == query->asked &&
	       a->remote_port == b->remote_port &&
	       a->local_port == b->local_port &&
	       !(either & (EVENT_TCP | EVENT_INET6)) &&
	       exchange_of(a) == exchange_of(b) &&
	       !memcmp(a->remote, b->remote, 16) &&
	       (!(both & EVENT_LOCAL) || !memcmp(a->local, b->local, 16));
}

static bool answers(const struct match_message *response,
		    const struct match_message *query)
{
	return is_of(response, query) &&
	       (response->question_hash == query->question_hash ||
		!response->question);
}

static uint32_t bucket_of(const struct match_message *message)
{
	return message->transaction >> 32 & (BUCKETS - 1);
}

static void unlink_age(struct match *match, struct query *query)
{
	match->query[query->older].newer = query->newer;
	match->query[query->newer].older = query->older;
}

static void append_age(struct match *match, uint32_t index)
{
	struct query *query = &match->query[index];

	query->newer = 0;
	query->older = match->query[0].older;
	match->query[query->older].newer = index;
	match->query[0].older = index;
}

static void append_bucket(struct match *match, uint32_t index)
{
	struct query *query = &match->query[index];
	struct bucket *bucket = &match->bucket[bucket_of(&query->message)];

	query->before = bucket->newest;
	query->next = 0;
	if (bucket->newest)
		match->query[bucket->newest].next = index;
	else
		bucket->oldest = index;
	bucket->newest = index;
}

static void unlink_bucket(struct match *match, struct query *query)
{
	struct bucket *bucket = &match->bucket[bucket_of(&query->message)];

	if (query->before)
		match->query[query->before].next = query->next;
	else
		bucket->oldest = query->next;
	if (query->next)
		match->query[query->next].before = query->before;
	else
		bucket->newest = query->before;
}

static void forget(struct match *match, uint32_t index)
{
	struct query *query = &match->query[index];

	unlink_bucket(match, query);
	unlink_age(match, query);
	query->next = match->free;
	match->free = index;
}

static uint32_t oldest(const struct match *match)
{
	return match->query[0].newer;
}

static void forget_aged(struct match *match, uint64_t now_ns)
{
	uint32_t index;

	while ((index = oldest(match)) != 0 &&
	       match->query[index].used_ns + MATCH_AGE_S * NS_PER_S < now_ns)
		forget(match, index);
}

static uint32_t take_free(struct match *match)
{
	if (!match->free && match->used < MATCH_QUERIES_MAX)
		return ++match->used;
	if (!match->free)
		forget(match, oldest(match));
	uint32_t index = match->free;
	match->free = match->query[index].next;
	return index;
}

void match_query(struct match *match, const struct match_message *message)
{
	forget_aged(match, message->event->stamp_ns);
	uint32_t index = take_free(match);
	struct query *query = &match->query[index];

	query->message = *message;
	query->event = *message->event;
	query->used_ns = message->event->stamp_ns;
	query->message.event = &query->event;
	append_bucket(match, index);
	append_age(match, index);
}

/* Is a query the one? */
typedef bool test(const struct match_message *response,
		  const struct match_message *query);

static bool answers_copying(const struct match_message *response,
			    const struct match_message *query)
{
	uint16_t differ = response->header.flags ^ query->header.flags;

	return answers(response, query) && !(differ & COPIED_FLAGS);
}

static uint32_t find(const struct match *match,
		     const struct match_message *response, test *fits)
{
	const struct bucket *bucket = &match->bucket[bucket_of(response)];
	bool resent = response->asked && !(response->event->flags & EVENT_TCP);
	uint32_t index = resent ? bucket->newest : bucket->oldest;

	for (int i = 0; index && i < STEPS_MAX; i++) {
		const struct query *query = &match->query[index];

		if (fits(response, &query->message))
			return index;
		index = resent ? query->before : query->next;
	}
	return 0;
}

static size_t answered_place(const struct match_message *message)
{
	return message->transaction % MATCH_ANSWERED_MAX;
}

static const struct match_message *find_answered(
	const struct match *match, const struct match_message *response,
	test *fits)
{
	const struct query *query = &match->answered[answered_place(response)];
	uint64_t until_ns = query->used_ns + MATCH_AGE_S * NS_PER_S;

	return query->message.event && response->event->stamp_ns <= until_ns &&
			       fits(response, &query->message)
		       ? &query->message
		       : NULL;
}

static void keep_answered(struct match *match, const struct query *query)
{
	struct query *kept = &match->answered[answered_place(&query->message)];

	*kept = *query;
	kept->message.event = &kept->event;
}

/* What it leaves is free, but not yet reused. */
static void close_query(struct match *match, uint32_t index, uint64_t now_ns)
{
	struct query *query = &match->query[index];

	query->used_ns = now_ns;
	if (query->event.flags & EVENT_TCP && query->message.transfer) {
		unlink_age(match, query);
		append_age(match, index);
		return;
	}
	if (query->message.asked)
		keep_answered(match, query);
	forget(match, index);
}

const struct match_message *match_response(struct match *match,
					   const struct match_message *response)
{
	uint32_t found = find(match, response, answers_copying);

	if (!found)
		found = find(match, response, answers);
	if (found) {
		close_query(match, found, response->event->stamp_ns);
		return &match->query[found].message;
	}
	return find_answered(match, response, answers);
}

const struct match_message *match_id(const struct match *match,
				     const struct match_message *response)
{
	uint32_t found = find(match, response, is_of);

	return found ? &match->query[found].message
		     : find_answered(match, response, is_of);
}
