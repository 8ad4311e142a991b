/* SPDX-License-Identifier: Apache-2.0
 *
 * Which upstream was asked for a question: for {/forward/upstream} in what is
 * logged of a client's response.
 */
#pragma once

#include <stdint.h>

#include "shim/tap/annotate/match.h"

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
