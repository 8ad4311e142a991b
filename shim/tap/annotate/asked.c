/* SPDX-License-Identifier: Apache-2.0
 *
 * For each port the server that it asked last. Most resolvers ask from each port
 * one server only; where another one is asked the former goes to a table of
 * pairs, so that forwarders' one port for all is remembered too.
 */
#include "shim/tap/annotate/asked.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/map.h"
#include "shim/tap/annotate/match.h"

#define PAIRS 16384

struct port {
	uint32_t last;   /* the pair of it and the server asked last */
	uint32_t second; /* when that was; 0: never */
};

struct asked {
	struct port port[1 << 16];
	uint32_t pair[PAIRS];
};

struct asked *asked_new(void)
{
	return map_new(sizeof(struct asked));
}

void asked_free(struct asked *asked)
{
	map_free(asked, sizeof(*asked));
}

/* Of the port and the server that it asked, in one number. */
static uint32_t pair_of(const struct event *event)
{
	uint64_t hash = (uint64_t)(event->flags & (EVENT_INET6 | EVENT_TCP))
				<< 32 |
			(uint64_t)event->remote_port << 16 | event->local_port;
	uint64_t half[2];

	memcpy(half, event->remote, sizeof(half));
	hash = (hash ^ half[0]) * 0x9e3779b97f4a7c15;
	hash = (hash ^ hash >> 29 ^ half[1]) * 0x9e3779b97f4a7c15;
	return hash >> 32;
}

static uint32_t second_of(const struct event *event)
{
	return 1 + event->stamp_ns / NS_PER_S;
}

static bool is_lately(const struct port *port, const struct event *event)
{
	/* Signed: what was set aside may be older. */
	int32_t ago = second_of(event) - port->second;

	return port->second && ago <= MATCH_AGE_S;
}

void asked_note(struct asked *asked, const struct event *query)
{
	struct port *port = &asked->port[query->local_port];
	uint32_t pair = pair_of(query);

	if (port->last != pair && is_lately(port, query))
		asked->pair[port->last % PAIRS] = port->last;
	*port = (struct port){ pair, second_of(query) };
}

enum asked_whom asked_whom(const struct asked *asked,
			   const struct event *response)
{
	const struct port *port = &asked->port[response->local_port];
	uint32_t pair = pair_of(response);

	if (!is_lately(port, response))
		return ASKED_NOBODY;
	return pair == port->last || pair == asked->pair[pair % PAIRS]
		       ? ASKED_IT
		       : ASKED_OTHERS;
}

/* A direct-mapped cache by the question's hash: the last one asked wins. */

#define ENTRIES 4096

struct entry {
	uint64_t question_hash;
	uint64_t stamp_ns; /* 0: empty */
	struct address address;
};

struct upstream {
	struct entry entry[ENTRIES];
};

struct upstream *upstream_new(void)
{
	return calloc(1, sizeof(struct upstream));
}

void upstream_free(struct upstream *upstream)
{
	free(upstream);
}

void upstream_asked(struct upstream *upstream,
		    const struct match_message *query)
{
	const struct event *event = query->event;
	struct entry *entry = &upstream->entry[query->question_hash % ENTRIES];

	if (!query->question || !(event->flags & EVENT_REMOTE))
		return;
	entry->question_hash = query->question_hash;
	entry->stamp_ns = event->stamp_ns;
	entry->address.port = event->remote_port;
	address_set(&entry->address, event->remote, event->flags & EVENT_INET6);
}

bool upstream_find(const struct upstream *upstream,
		   const struct match_message *query, struct address *found)
{
	const struct entry *entry =
		&upstream->entry[query->question_hash % ENTRIES];

	if (!query->question || entry->question_hash != query->question_hash ||
	    entry->stamp_ns < query->event->stamp_ns)
		return false;
	*found = entry->address;
	return true;
}
