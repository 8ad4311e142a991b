/* SPDX-License-Identifier: Apache-2.0
 *
 * Where messages are recorded, one stays in its slots until it has been sent: also
 * that of which a copy is set aside.
 */
#include "shim/tap/drain.h"

#include "proto/encode.h"
#include "shim/tap/annotate/annotate.h"
#include "shim/tap/annotate/aside.h"
#include "shim/tap/stream/frame.h"

/* An event, which may be a copy that was set aside; and where it is in the queue. */
struct passing {
	struct event *event, *origin;
};

#define LINE     64  /* of a cache */
#define QUESTION 128 /* as far as most of them go */

bool drain_open(struct drain *drain, const struct tap_config *config,
		const struct prepared *prepared, struct queue *queue)
{
	*drain = (struct drain){
		.queue = queue,
		.endpoint = endpoint_new(config, prepared),
		.encoder = encoder_new(config->identity, config->version,
				       config->full),
		.annotator = annotator_new(config),
		.aside = aside_new(),
		.fetched = config->full ? QUEUE_SLOT_PAYLOAD : QUESTION,
	};
	return drain->endpoint && drain->encoder && drain->annotator &&
	       drain->aside;
}

void drain_close(struct drain *drain)
{
	encoder_free(drain->encoder);
	annotator_free(drain->annotator);
	aside_free(drain->aside);
	endpoint_free(drain->endpoint);
}

/* Another core has just written them: to fetch a line takes as long as all that is
 * done with a message of a few lines. */
static void fetch_soon(const struct drain *drain, size_t index)
{
	if (index >= queue_pending(drain->queue))
		return;
	const struct event *event = queue_event(drain->queue, index);
	size_t wanted =
		event->size < drain->fetched ? event->size : drain->fetched;

	for (size_t at = 0; at < wanted; at += LINE)
		__builtin_prefetch(event->payload + at);
}

/* ANNOTATE_LATER: it has been set aside. */
static enum annotated look(struct drain *drain, struct event *event,
			   enum aside_room aside, struct record *record)
{
	enum annotated what = annotate(drain->annotator, event, &drain->clocks,
				       aside, record);

	if (what != ANNOTATE_LATER ||
	    aside_put(drain->aside, event,
		      annotator_transaction(drain->annotator)))
		return what;
	return annotate(drain->annotator, event, &drain->clocks, ASIDE_NONE,
			record);
}

static void hand_over(struct drain *drain, const struct passing *passing,
		      const struct record *record, uint8_t *room)
{
	size_t size = encoder_pack(drain->encoder, record, room);

	/* Before the endpoint has it: what is recorded as sent was numbered. */
	if (drain->recorded)
		queue_sending(drain->queue, passing->origin,
			      FRAME_LENGTH_SIZE + size);
	drain->endpoint->ops->commit(drain->endpoint, size);
}

/* It will not be sent. */
static void let(struct drain *drain, const struct passing *passing)
{
	if (drain->recorded && passing->event != passing->origin)
		queue_let(drain->queue, passing->origin);
}

static void drop(struct drain *drain, const struct passing *passing,
		 enum drop_cause cause)
{
	queue_count_drop(drain->queue, cause, 1);
	let(drain, passing);
}

/* Logs the event, or accounts for it. `room`: in the endpoint, for all of it. */
static void pass(struct drain *drain, const struct passing *passing,
		 enum aside_room aside, uint8_t *room)
{
	struct record record;

	switch (look(drain, passing->event, aside, &record)) {
	case ANNOTATE_LOG:
		hand_over(drain, passing, &record, room);
		break;
	case ANNOTATE_SKIP:
		drain->skipped++;
		let(drain, passing);
		break;
	case ANNOTATE_UNSOLICITED:
		drop(drain, passing, DROP_UNSOLICITED);
		break;
	case ANNOTATE_MALFORMED:
		drop(drain, passing, DROP_MALFORMED);
		return;
	case ANNOTATE_LATER:
		if (drain->recorded)
			queue_hold(drain->queue, passing->origin);
		break;
	}
	if (!record.response)
		aside_query(drain->aside,
			    annotator_transaction(drain->annotator));
}

/* Returns false, and does nothing, if the endpoint has no room. */
static bool take(struct drain *drain, const struct passing *passing,
		 enum aside_room aside)
{
	/* For whatever is logged of it. */
	const struct event *event = passing->event;
	size_t size = encoder_bound(drain->encoder, event->size,
				    ANNOTATE_EXTRA_MAX + event->tail);

	if (size > SESSION_FRAME_MAX) {
		drop(drain, passing, DROP_TOO_LARGE);
		return true;
	}
	uint8_t *room = drain->endpoint->ops->reserve(drain->endpoint, size);
	drain->full = !room;
	if (room)
		pass(drain, passing, aside, room);
	return room;
}

static bool take_pending(struct drain *drain, size_t index)
{
	struct event *event = queue_event(drain->queue, index);
	bool early = aside_waits(drain->queue, event, drain->clocks.steady_ns);

	fetch_soon(drain, index + 4);
	return take(drain, &(struct passing){ event, event },
		    early ? aside_room(drain->aside) : ASIDE_NONE);
}

/* What was set aside and need wait no longer: at once, so that it comes right
 * behind its query. */
static bool take_ready(struct drain *drain)
{
	struct event *event;

	while ((event = aside_ready(drain->aside))) {
		struct event *origin = aside_origin(drain->aside, event);

		if (!take(drain, &(struct passing){ event, origin },
			  ASIDE_NONE))
			return false;
		aside_drop(drain->aside, event);
	}
	return true;
}

size_t drain_collect(struct drain *drain, bool ending)
{
	size_t pending = queue_collect(drain->queue, clock_steady());

	aside_look(drain->aside, drain->queue, drain->clocks.steady_ns, ending);
	return pending;
}

size_t drain_pending(struct drain *drain)
{
	size_t pending = queue_pending(drain->queue), done = 0;

	drain->full = false;
	while (take_ready(drain) && done < pending && take_pending(drain, done))
		done++;
	if (done == pending && aside_settle(drain->aside))
		take_ready(drain);
	queue_release(drain->queue, done);
	return done;
}

uint64_t drain_waiting(const struct drain *drain)
{
	return queue_pending(drain->queue) + aside_count(drain->aside);
}
