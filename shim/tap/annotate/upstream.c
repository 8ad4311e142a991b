/* SPDX-License-Identifier: Apache-2.0
 *
 * A direct-mapped cache by the question's hash: the last one asked wins.
 */
#include "shim/tap/annotate/upstream.h"

#include <stdlib.h>
#include <string.h>

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
