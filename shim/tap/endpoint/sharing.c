/* SPDX-License-Identifier: Apache-2.0
 *
 * One message for all collectors: who gets it, who must do without, and who is
 * waited for.
 */
#include "shim/tap/endpoint/collectors.h"

#include <string.h>

static void lag(struct collectors *collectors, struct collector *collector)
{
	collector->lags = true;
	if (!collector->lost)
		limit_log(&collectors->known, collectors->config->socket,
			  collectors->now,
			  "%s: does not keep up and loses messages",
			  collector->name);
}

/* Whether it can have the next message, must do without, or is waited for. */
enum taking { TAKES, LACKS, AWAITED };

static enum taking taking(struct collectors *collectors,
			  struct collector *collector, size_t size)
{
	if (!session_unsent(collector->session))
		collector->lags = false;
	if (collector->lags)
		return LACKS;
	if (session_reserve(collector->session, size)) {
		collector->full_since = 0;
		return TAKES;
	}
	if (!collector->full_since)
		collector->full_since = collectors->now;
	if (collectors->now - collector->full_since < COLLECTORS_PATIENCE_NS)
		return AWAITED;
	lag(collectors, collector);
	return LACKS;
}

/* None of them keeps up: nobody is held up by waiting for any. */
static bool let_lagging_go_on(struct collectors *collectors, size_t size)
{
	bool room = false;

	for (size_t i = 0; i < COLLECTORS_PLACES; i++) {
		struct collector *collector = &collectors->collector[i];
		if (!collector_streams(collector) ||
		    !session_reserve(collector->session, size))
			continue;
		collector->lags = false;
		collector->full_since = 0;
		room = true;
	}
	return room;
}

uint8_t *collectors_reserve(struct collectors *collectors, size_t size)
{
	size_t count[3] = { 0 };

	for (size_t i = 0; i < COLLECTORS_PLACES; i++)
		if (collector_streams(&collectors->collector[i]))
			count[taking(collectors, &collectors->collector[i],
				     size)]++;
	if (count[AWAITED])
		return NULL;
	if (!count[TAKES] && count[LACKS] &&
	    !let_lagging_go_on(collectors, size))
		return NULL;
	return collectors->frame;
}

static bool give(struct collectors *collectors, struct collector *collector,
		 size_t size)
{
	uint8_t *room = collector->lags
				? NULL
				: session_reserve(collector->session, size);

	if (!room) {
		collector->lost++;
		return false;
	}
	memcpy(room, collectors->frame, size);
	session_commit(collector->session, size);
	collector->last = collectors->given + 1;
	return true;
}

void collectors_commit(struct collectors *collectors, size_t size)
{
	bool given = false;

	for (size_t i = 0; i < COLLECTORS_PLACES; i++)
		if (collector_streams(&collectors->collector[i]))
			given |= give(collectors, &collectors->collector[i],
				      size);
	collectors->given += given;
	collectors->lost += !given;
}
