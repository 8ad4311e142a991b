/* SPDX-License-Identifier: Apache-2.0
 *
 * Types, matching and the choice of what is logged.
 */
#include "shim/tap/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/dns.h"
#include "proto/extra.h"
#include "shim/base/secret.h"
#include "shim/tap/match.h"
#include "shim/tap/source.h"
#include "shim/tap/upstream.h"

/* A query is committed when its send has returned; another thread may have read
 * the answer by then. So much longer an answer waits for its query. */
#define LATE_NS ((int64_t)(50 * NS_PER_MS))

struct describer {
	const struct tap_config *config;
	struct match *match;
	struct source *source;
	struct extra *extra;       /* NULL: no template */
	struct upstream *upstream; /* NULL: not wanted */
	char text[DESCRIBE_EXTRA_MAX];
};

enum side {
	SIDE_CLIENT,
	SIDE_AUTH,
	SIDE_FORWARDER,
	SIDE_RESOLVER,
	SIDE_UPDATE
};

#define TYPE(name) DNSTAP__MESSAGE__TYPE__##name
static const Dnstap__Message__Type types[][2] = {
	[SIDE_CLIENT] = { TYPE(CLIENT_QUERY), TYPE(CLIENT_RESPONSE) },
	[SIDE_AUTH] = { TYPE(AUTH_QUERY), TYPE(AUTH_RESPONSE) },
	[SIDE_FORWARDER] = { TYPE(FORWARDER_QUERY), TYPE(FORWARDER_RESPONSE) },
	[SIDE_RESOLVER] = { TYPE(RESOLVER_QUERY), TYPE(RESOLVER_RESPONSE) },
	[SIDE_UPDATE] = { TYPE(UPDATE_QUERY), TYPE(UPDATE_RESPONSE) },
};

struct describer *describer_new(const struct tap_config *config)
{
	struct describer *describer = calloc(1, sizeof(*describer));

	if (!describer)
		return NULL;
	describer->config = config;
	describer->match = match_new();
	describer->source = source_new();
	bool whole = describer->match && describer->source;
	if (config->extra) {
		describer->extra = extra_parse(
			config->extra, &(struct extra_constants){
					       getpid(),
					       program_invocation_short_name,
					       config->sample,
				       });
		whole = whole && describer->extra;
	}
	if (describer->extra && extra_wants_upstream(describer->extra)) {
		describer->upstream = upstream_new();
		whole = whole && describer->upstream;
	}
	if (whole)
		return describer;
	describer_free(describer);
	return NULL;
}

void describer_free(struct describer *describer)
{
	if (!describer)
		return;
	match_free(describer->match);
	source_free(describer->source);
	extra_free(describer->extra);
	upstream_free(describer->upstream);
	free(describer);
}

/* `query` is the message itself, or the query that it answers: a response is
 * always of its query's type. */
static enum side side_of(const struct tap_config *config,
			 const struct match_message *query)
{
	uint16_t flags = query->header.flags;

	if (DNS_OPCODE(flags) == DNS_OPCODE_UPDATE)
		return SIDE_UPDATE;
	if (query->asked)
		return DNS_RD(flags) ? SIDE_FORWARDER : SIDE_RESOLVER;
	if (config->role != ROLE_AUTO)
		return config->role == ROLE_CLIENT ? SIDE_CLIENT : SIDE_AUTH;
	return DNS_RD(flags) ? SIDE_CLIENT : SIDE_AUTH;
}

/* By the other side, the asker's port and the id, which are the same for a query
 * and its response, and in every process that sees one of them. */
static bool in_sample(const struct tap_config *config,
		      const struct match_message *message)
{
	const struct event *event = message->event;
	uint64_t words[3];

	if (config->sample <= 1)
		return true;
	memcpy(words, event->remote, 16);
	words[2] = message->asked ? event->local_port : event->remote_port;
	words[2] = words[2] << 16 | message->header.id;
	return secret_hash(words, 3) % config->sample == 0;
}

static const char *type_name(Dnstap__Message__Type type)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
		&dnstap__message__type__descriptor, type);

	return value ? value->name : "-";
}

static void remember(struct describer *describer, struct match_message *query)
{
	if (describer->extra)
		extra_query_read(query->event, &query->extra);
	match_query(describer->match, query);
	if (describer->upstream && query->asked)
		upstream_asked(describer->upstream, query);
}

static bool is_late(const struct match_message *response, uint64_t now_ns)
{
	/* Signed: it may have come since then. */
	int64_t age = now_ns - response->event->stamp_ns;

	return response->asked && age < LATE_NS;
}

static void mask(uint8_t octets[16], unsigned size, unsigned kept_bits)
{
	for (unsigned i = kept_bits / 8; i < size; i++) {
		unsigned kept = i * 8 < kept_bits ? kept_bits % 8 : 0;
		octets[i] &= 0xff00 >> kept;
	}
}

static bool anonymizes(const struct tap_config *config)
{
	return config->anonymize_v4 < 32 || config->anonymize_v6 < 128;
}

static void mask_address(const struct tap_config *config, uint8_t octets[16],
			 bool inet6)
{
	mask(octets, inet6 ? 16 : 4,
	     inet6 ? config->anonymize_v6 : config->anonymize_v4);
}

/* Returns false if an address may be left in the payload. */
static bool anonymize(const struct tap_config *config, struct event *event)
{
	bool inet6 = event->flags & EVENT_INET6;

	if (!anonymizes(config))
		return true;
	mask_address(config, event->local, inet6);
	mask_address(config, event->remote, inet6);
	return dns_client_subnet_mask(event->payload, event->size,
				      config->anonymize_v4,
				      config->anonymize_v6);
}

static void render_extra(struct describer *describer,
			 const struct match_message *message,
			 const struct match_message *query,
			 struct encode_facts *facts)
{
	struct address upstream;
	struct extra_facts about = {
		.event = message->event,
		.response = facts->response,
		.asked = facts->asked,
		.message_type = type_name(facts->type),
	};

	if (query) {
		about.query = &query->extra;
		if (describer->upstream && !facts->asked &&
		    upstream_find(describer->upstream, query, &upstream)) {
			mask_address(describer->config, upstream.octets,
				     upstream.inet6);
			about.upstream = &upstream;
		}
	}
	facts->extra = describer->text;
	facts->extra_size = extra_render(describer->extra, &about,
					 describer->text, DESCRIBE_EXTRA_MAX);
}

/* Is the server's own address the one that the kernel sends from? A response to
 * a serving socket may have come to any of its addresses. */
static bool source_tells_local(const struct match_message *message)
{
	uint8_t flags = message->event->flags;

	return message->asked &&
	       (flags & (EVENT_LOCAL | EVENT_REMOTE)) == EVENT_REMOTE &&
	       (flags & EVENT_SENT || !(flags & EVENT_SERVES));
}

enum described describe(struct describer *describer, struct event *event,
			const struct clock_pair *clocks,
			struct encode_facts *facts)
{
	const struct tap_config *config = describer->config;
	const struct match_message *query = NULL;
	struct match_message message;

	match_parse(event, &message);
	if (source_tells_local(&message))
		source_complete(describer->source, event, clocks->steady_ns);
	memset(facts, 0, sizeof(*facts));
	message.time_ns = clock_pair_wall(clocks, event->stamp_ns);
	facts->time_ns = message.time_ns;
	facts->asked = message.asked;
	facts->response = DNS_QR(message.header.flags);
	if (!facts->response) {
		remember(describer, &message);
	} else {
		query = match_response(describer->match, &message);
		if (!query && is_late(&message, clocks->steady_ns))
			return DESCRIBE_LATER;
		if (query)
			facts->query_time_ns = query->time_ns;
	}
	facts->type = types[side_of(config, query ? query : &message)]
			   [facts->response];
	if (!(config->types >> facts->type & 1) || !in_sample(config, &message))
		return DESCRIBE_SKIP;
	facts->bare = !anonymize(config, event);
	if (describer->extra)
		render_extra(describer, &message, query, facts);
	return DESCRIBE_LOG;
}
