/* SPDX-License-Identifier: Apache-2.0
 *
 * What an event is, and what it has to do with others.
 */
#include "shim/tap/annotate/annotate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/dns.h"
#include "proto/extra.h"
#include "shim/base/process.h"
#include "shim/tap/annotate/anonymize.h"
#include "shim/tap/annotate/asked.h"
#include "shim/tap/annotate/choice.h"
#include "shim/tap/annotate/given.h"
#include "shim/tap/annotate/match.h"
#include "shim/tap/annotate/proxied.h"
#include "shim/tap/annotate/local_address.h"

struct annotator {
	const struct tap_config *config;
	struct choice choice;
	struct match *match;
	struct asked *asked;
	struct local_addresses *addresses; /* NULL: not asked for */
	struct extra *extra;               /* NULL: no template */
	struct upstream *upstream;         /* NULL: not wanted */
	uint64_t transaction;              /* of the last message */
	struct given_message given; /* likewise, where the program gave it, */
	struct record_query given_query; /* and its query */
	char text[ANNOTATE_EXTRA_MAX];
};

enum side {
	SIDE_CLIENT,
	SIDE_AUTH,
	SIDE_FORWARDER,
	SIDE_RESOLVER,
	SIDE_UPDATE
};

#define TYPE(name) DNSTAP__MESSAGE__TYPE__##name
#define ASKED_RESPONSES                                                   \
	(1u << TYPE(FORWARDER_RESPONSE) | 1u << TYPE(RESOLVER_RESPONSE) | \
	 1u << TYPE(UPDATE_RESPONSE))

static const Dnstap__Message__Type types[][2] = {
	[SIDE_CLIENT] = { TYPE(CLIENT_QUERY), TYPE(CLIENT_RESPONSE) },
	[SIDE_AUTH] = { TYPE(AUTH_QUERY), TYPE(AUTH_RESPONSE) },
	[SIDE_FORWARDER] = { TYPE(FORWARDER_QUERY), TYPE(FORWARDER_RESPONSE) },
	[SIDE_RESOLVER] = { TYPE(RESOLVER_QUERY), TYPE(RESOLVER_RESPONSE) },
	[SIDE_UPDATE] = { TYPE(UPDATE_QUERY), TYPE(UPDATE_RESPONSE) },
};

/* Returns false when out of memory. */
static bool prepare_extra(struct annotator *annotator,
			  const struct extra_constants *constants)
{
	const struct tap_config *config = annotator->config;

	if (!config->extra)
		return true;
	annotator->extra = extra_parse(
		config->extra,
		&(struct extra_constants){ constants->pid, constants->program,
					   config->sample });
	if (!annotator->extra || !extra_wants_upstream(annotator->extra))
		return annotator->extra;
	annotator->upstream = upstream_new();
	return annotator->upstream;
}

struct annotator *annotator_new_after(const struct tap_config *config,
				      const struct extra_constants *constants)
{
	struct annotator *annotator = calloc(1, sizeof(*annotator));

	if (!annotator)
		return NULL;
	annotator->config = annotator->choice.config = config;
	annotator->match = match_new();
	annotator->asked = asked_new();
	if (prepare_extra(annotator, constants) && annotator->match &&
	    annotator->asked)
		return annotator;
	annotator_free(annotator);
	return NULL;
}

struct annotator *annotator_new(const struct tap_config *config)
{
	const struct extra_constants own = {
		.pid = process_id(),
		.program = program_invocation_short_name,
	};
	struct annotator *annotator = annotator_new_after(config, &own);

	if (!annotator)
		return NULL;
	annotator->addresses = local_addresses_new();
	if (annotator->addresses)
		return annotator;
	annotator_free(annotator);
	return NULL;
}

void annotator_free(struct annotator *annotator)
{
	if (!annotator)
		return;
	match_free(annotator->match);
	asked_free(annotator->asked);
	local_addresses_free(annotator->addresses);
	extra_free(annotator->extra);
	upstream_free(annotator->upstream);
	free(annotator);
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

static void remember(struct annotator *annotator, struct match_message *query)
{
	query->unwanted =
		choice_filters(&annotator->choice) &&
		!choice_of_question(&annotator->choice, query, &query->client);
	if (annotator->extra)
		extra_query_read(query->event, &query->extra);
	match_query(annotator->match, query);
	if (query->asked)
		asked_note(annotator->asked, query->event);
	if (annotator->upstream && query->asked)
		upstream_asked(annotator->upstream, query);
}

/* Was the other side asked from here, or might it have been? */
static bool may_be_asked(const struct annotator *annotator,
			 const struct event *event)
{
	enum asked_whom whom = asked_whom(annotator->asked, event);

	if (event->flags & EVENT_SERVES)
		return false;
	return event->flags & EVENT_TCP || whom != ASKED_OTHERS;
}

/*
 * A response came in, and no query is known that it answers. In this order:
 *
 * where it came in, and what is known           so
 * a query sent before is still in flight,       it may be its answer: set aside
 *  if this port has asked or there is plenty
 *  of room to set aside
 * its id was asked of its sender                another question's: logged
 * at a DNS port                                 a stranger's: unsolicited
 * by TCP, on a connection made from here        nobody else can: logged
 * at a port that has asked its sender           late, or guessed: logged
 * at a port that has asked others               a stranger's: unsolicited
 * at a port that is not known to have asked     by a parent, or before the tap
 *                                               began, or lost: logged
 */
static enum annotated judge(const struct annotator *annotator,
			    const struct event *event, bool id_asked,
			    enum aside_room room)
{
	if (room == ASIDE_PLENTY ||
	    (room == ASIDE_LITTLE &&
	     (!(event->flags & EVENT_SERVES) ||
	      asked_whom(annotator->asked, event) != ASKED_NOBODY)))
		return ANNOTATE_LATER;
	return id_asked || may_be_asked(annotator, event)
		       ? ANNOTATE_LOG
		       : ANNOTATE_UNSOLICITED;
}

/* `query`: that the response answers, or NULL. */
static void render_extra(struct annotator *annotator,
			 const struct match_message *query,
			 struct record *record)
{
	struct address *upstream = &record->upstream;

	if (!record->given) {
		record->metadata = (const char *)record->event->payload +
				   record->event->size;
		record->metadata_size = record->event->tail;
	}
	if (query)
		record->query = &query->extra;
	if (query && annotator->upstream && !record->asked &&
	    upstream_find(annotator->upstream, query, upstream))
		anonymize_address(annotator->config, upstream->octets,
				  upstream->inet6);
	record->extra = annotator->text;
	record->extra_size = extra_render(annotator->extra, record,
					  annotator->text, ANNOTATE_EXTRA_MAX);
}

/* The server's own address is the one that the kernel sends from, if nothing else
 * tells it, and by the way that all go. */
static void complete_query(struct annotator *annotator, struct event *event,
			   uint64_t now_ns)
{
	if (annotator->addresses &&
	    (event->flags & (EVENT_LOCAL | EVENT_REMOTE | EVENT_SENT |
			     EVENT_ROUTED)) == (EVENT_REMOTE | EVENT_SENT))
		local_addresses_complete(annotator->addresses, event, now_ns);
}

/* And what was asked from there is answered there. */
static void complete_response(struct event *event,
			      const struct match_message *query)
{
	if (event->flags & (EVENT_LOCAL | EVENT_SERVES) ||
	    !(query->event->flags & EVENT_LOCAL))
		return;
	memcpy(event->local, query->event->local, 16);
	event->flags |= EVENT_LOCAL;
}

uint64_t annotator_transaction(const struct annotator *annotator)
{
	return annotator->transaction;
}

void annotator_trust(struct annotator *annotator, bool trusted)
{
	annotator->choice.trusted = trusted;
}

/* Of a dead process some messages have been masked, in place, and some have not:
 * a response and its query are to have the same addresses. */
static void mask_alike(const struct annotator *annotator, struct event *event)
{
	const struct tap_config *config = annotator->config;
	bool inet6 = event->flags & EVENT_INET6;

	if (annotator->addresses || !anonymizes(config))
		return;
	anonymize_address(config, event->local, inet6);
	anonymize_address(config, event->remote, inet6);
}

/* What the event is, without regard to others. Returns false if it is no DNS
 * message. */
static bool look_at(struct annotator *annotator, struct event *event,
		    const struct clock_pair *clocks,
		    struct match_message *message, struct record *record)
{
	if (!proxied_strip(event, annotator->config->proxies, &message->client))
		return false;
	if (choice_filters(&annotator->choice))
		choice_see(&annotator->choice, event);
	mask_alike(annotator, event);
	match_parse(event, message);
	annotator->transaction = message->transaction;
	message->client.known &= !message->asked;
	if (message->asked)
		complete_query(annotator, event, clocks->steady_ns);
	message->time_ns = clock_pair_wall(clocks, event->stamp_ns);
	*record = (struct record){
		.event = event,
		.time_ns = message->time_ns,
		.asked = message->asked,
		.response = DNS_QR(message->header.flags),
	};
	return true;
}

/* Of what is known, what a response may have to do with. */
struct related {
	const struct match_message *query; /* that it answers */
	const struct match_message *alike; /* it, or one of the same id */
};

static enum annotated relate(struct annotator *annotator, struct event *event,
			     const struct match_message *response,
			     enum aside_room room, struct related *related)
{
	related->query = match_response(annotator->match, response);
	related->alike = related->query ? related->query
					: match_id(annotator->match, response);
	if (!response->asked)
		return ANNOTATE_LOG;
	if (related->alike)
		complete_response(event, related->alike);
	return related->query || annotator->choice.trusted ||
			       !choice_of_type(&annotator->choice, response,
					       ASKED_RESPONSES)
		       ? ANNOTATE_LOG
		       : judge(annotator, event, related->alike, room);
}

/* Whose the message is, if a proxy has told: of a response over UDP, with the
 * query. */
static const struct address *client_of(const struct match_message *message,
				       const struct related *related)
{
	return related->alike && !message->client.known
		       ? &related->alike->client
		       : &message->client;
}

static enum annotated annotate_given(struct annotator *annotator,
				     struct event *event, struct record *record)
{
	const struct tap_config *config = annotator->config;
	const struct choice *choice = &annotator->choice;
	struct given_message *given = &annotator->given;
	struct match_message message = { .event = event };

	annotator->transaction = 0; /* nobody else's */
	choice_see(&annotator->choice, event);
	mask_alike(annotator, event);
	if (!given_record(event, given, &annotator->given_query, record))
		return ANNOTATE_MALFORMED;
	dns_header_parse(event->payload, &message.header);
	message.asked = record->asked;
	struct address client = choice_asker(choice, &message, &message.client);
	if (!choice_of_type(choice, &message, 1u << record->type) ||
	    !(choice->trusted ||
	      given_passes(&config->filter, record, &client)))
		return ANNOTATE_SKIP;
	record->bare = !anonymize(config, event, &record->proxy);
	if (anonymizes(config))
		record->bare |= !given_mask(given, config->anonymize_v4,
					    config->anonymize_v6);
	if (annotator->extra)
		render_extra(annotator, NULL, record);
	return ANNOTATE_LOG;
}

enum annotated annotate(struct annotator *annotator, struct event *event,
			const struct clock_pair *clocks, enum aside_room room,
			struct record *record)
{
	const struct tap_config *config = annotator->config;
	struct related related = { NULL, NULL };
	enum annotated verdict = ANNOTATE_LOG;
	struct match_message message;

	if (__builtin_expect(event->flags & EVENT_GIVEN, 0))
		return annotate_given(annotator, event, record);
	if (!look_at(annotator, event, clocks, &message, record))
		return ANNOTATE_MALFORMED;
	if (record->response)
		verdict = relate(annotator, event, &message, room, &related);
	else
		remember(annotator, &message);
	if (verdict != ANNOTATE_LOG)
		return verdict;
	const struct match_message *query = related.query;
	record->query_time_ns = query ? query->time_ns : 0;
	record->type = types[side_of(config, query ? query : &message)]
			    [record->response];
	const struct address *client = client_of(&message, &related);
	proxied_show(event, client, &record->proxy);
	if (!choice_of_type(&annotator->choice, &message, 1u << record->type) ||
	    !choice_passes(&annotator->choice, &message, query, client))
		return ANNOTATE_SKIP;
	record->bare = !anonymize(config, event, &record->proxy);
	if (annotator->extra)
		render_extra(annotator, query, record);
	return ANNOTATE_LOG;
}
