/* SPDX-License-Identifier: Apache-2.0
 *
 * A direct-mapped cache by the question's hash: the last one asked wins.
 */
#include "shim/tap/upstream.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 4096

struct entry {
	uint64_t question_hash;
	uint64_t stamp_ns; /* 0: empty */
	uint8_t address[16];
	uint16_t port;
	bool inet6;
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
	memcpy(entry->address, event->remote, 16);
	entry->port = event->remote_port;
	entry->inet6 = event->flags & EVENT_INET6;
}

const char *upstream_find(const struct upstream *upstream,
			  const struct match_message *query,
			  char text[UPSTREAM_TEXT_MAX])
{
	const struct entry *entry =
		&upstream->entry[query->question_hash % ENTRIES];
	char address[INET6_ADDRSTRLEN];

	if (!query->question || entry->question_hash != query->question_hash ||
	    entry->stamp_ns < query->event->stamp_ns)
		return NULL;
	inet_ntop(entry->inet6 ? AF_INET6 : AF_INET, entry->address, address,
		  sizeof(address));
	snprintf(text, UPSTREAM_TEXT_MAX, entry->inet6 ? "[%s]:%u" : "%s:%u",
		 address, entry->port);
	return text;
}
