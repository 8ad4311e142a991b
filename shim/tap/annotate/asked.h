/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom this process has asked, from which of its ports: what a stranger sends is
 * told by it from the late or repeated answer of a server that was asked.
 * Bounded; what is forgotten counts as never asked.
 */
#pragma once

#include <stdint.h>

#include "proto/event.h"
#include "shim/tap/annotate/match.h"

enum asked_whom {
	ASKED_NOBODY, /* from that port, lately */
	ASKED_OTHERS,
	ASKED_IT,
};

struct asked;

/* Returns NULL when out of memory. */
struct asked *asked_new(void);
void asked_free(struct asked *asked);

/* A query that was sent. */
void asked_note(struct asked *asked, const struct event *query);

/* Whom the port at which `response` came in has asked: its sender? */
enum asked_whom asked_whom(const struct asked *asked,
			   const struct event *response);

/* Which upstream was asked for a question: for {/forward/upstream} in what is
 * logged of a client's response. */

struct upstream;

/* Returns NULL when out of memory. */
struct upstream *upstream_new(void);
void upstream_free(struct upstream *upstream);

/* A query that the server sent. */
void upstream_asked(struct upstream *upstream,
		    const struct match_message *query);

/* Assigns the upstream that was last asked the question of `query`, a client's,
 * since that came in. Returns false if there is none. */
bool upstream_find(const struct upstream *upstream,
		   const struct match_message *query, struct address *found);
