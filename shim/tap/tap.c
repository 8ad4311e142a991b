/* SPDX-License-Identifier: Apache-2.0
 *
 * The tap's thread: queue → annotate → encode → endpoint, and the thread's life.
 */
#include "shim/tap/tap.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "proto/encode.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/own_fds.h"
#include "shim/base/sandbox.h"
#include "shim/tap/stats.h"
#include "shim/tap/annotate/aside.h"
#include "shim/tap/annotate/annotate.h"
#include "shim/tap/endpoint/endpoint.h"
#include "shim/tap/family.h"
#include "shim/tap/worker.h"
#include "shim/tap/idle.h"

#define STACK_SIZE       (256 * 1024)
#define TLS_STACK_SIZE   (512 * 1024)
#define CYCLE_NS         (5 * NS_PER_MS)  /* then the clock is looked at */
#define FINISH_MARGIN_NS (20 * NS_PER_MS) /* to say so, before the deadline */
#define NO_MEMORY_NS     (100 * NS_PER_MS)
#define SILENT_NS        NS_PER_S  /* frames wait, and none is taken */
#define ASIDE_NS         NS_PER_MS /* so often what is set aside is looked at */

struct tap {
	struct queue *queue;
	struct annotator *annotator;
	struct encoder *encoder;
	struct endpoint *endpoint;
	struct endpoint_status status; /* when last looked at */
	struct aside *aside;
	struct cycle cycle; /* this one */
	struct clock_pair clocks;
	struct idle idle;
	struct stats stats;
	size_t index;
	uint64_t sent, sent_at; /* frames that were taken, when last any was */
};

static struct prepared *prepared[CONFIG_TAPS_MAX];

static void look_at_endpoint(struct tap *tap)
{
	uint64_t lost = tap->status.lost;

	tap->status = endpoint_status(tap->endpoint);
	if (tap->status.lost != lost)
		queue_count_drop(tap->queue, DROP_ENDPOINT,
				 tap->status.lost - lost);
}

static void advance(struct tap *tap)
{
	own_fds_begin();
	tap->endpoint->ops->advance(tap->endpoint, tap->cycle.began);
	own_fds_end();
	look_at_endpoint(tap);
}

/* Room for whatever is logged of this event. */
static size_t bound(const struct tap *tap, const struct event *event)
{
	struct record largest = { .event = event,
				  .extra_size = ANNOTATE_EXTRA_MAX };

	return encoder_bound(tap->encoder, &largest);
}

/* Another core has just written them. */
static void fetch_soon(const struct tap *tap, size_t index)
{
	if (index >= queue_pending(tap->queue))
		return;
	const struct event *event = queue_event(tap->queue, index);
	__builtin_prefetch(event->payload + 16);
	__builtin_prefetch(event->payload + 80);
}

/* ANNOTATE_LATER: it has been set aside. */
static enum annotated look(struct tap *tap, struct event *event,
			   enum aside_room aside, struct record *record)
{
	enum annotated what =
		annotate(tap->annotator, event, &tap->clocks, aside, record);

	if (what != ANNOTATE_LATER ||
	    aside_put(tap->aside, event, annotator_transaction(tap->annotator)))
		return what;
	return annotate(tap->annotator, event, &tap->clocks, ASIDE_NONE,
			record);
}

/* Logs the event, or accounts for it. `room`: in the endpoint, for all of it. */
static void pass(struct tap *tap, struct event *event, enum aside_room aside,
		 uint8_t *room)
{
	struct record record;

	switch (look(tap, event, aside, &record)) {
	case ANNOTATE_LOG:
		tap->endpoint->ops->commit(
			tap->endpoint,
			encoder_pack(tap->encoder, &record, room));
		break;
	case ANNOTATE_SKIP:
		tap->stats.skipped++;
		break;
	case ANNOTATE_UNSOLICITED:
		queue_count_drop(tap->queue, DROP_UNSOLICITED, 1);
		break;
	case ANNOTATE_MALFORMED:
		queue_count_drop(tap->queue, DROP_MALFORMED, 1);
		return;
	case ANNOTATE_LATER:
		break;
	}
	if (!record.response)
		aside_query(tap->aside, annotator_transaction(tap->annotator));
}

/* Returns false, and does nothing, if the endpoint has no room. */
static bool take(struct tap *tap, struct event *event, enum aside_room aside)
{
	size_t size = bound(tap, event);

	if (size > SESSION_FRAME_MAX) {
		queue_count_drop(tap->queue, DROP_TOO_LARGE, 1);
		return true;
	}
	uint8_t *room = tap->endpoint->ops->reserve(tap->endpoint, size);
	tap->cycle.full = !room;
	if (room)
		pass(tap, event, aside, room);
	return room;
}

static bool take_pending(struct tap *tap, size_t index)
{
	struct event *event = queue_event(tap->queue, index);
	bool early = aside_waits(tap->queue, event, tap->clocks.steady_ns);

	fetch_soon(tap, index + 4);
	return take(tap, event, early ? aside_room(tap->aside) : ASIDE_NONE);
}

/* What was set aside and need wait no longer: at once, so that it comes right
 * behind its query. */
static bool take_ready(struct tap *tap)
{
	struct event *event;

	while ((event = aside_ready(tap->aside))) {
		if (!take(tap, event, ASIDE_NONE))
			return false;
		aside_drop(tap->aside, event);
	}
	return true;
}

/* Hands pending events to the endpoint as long as it has room. Returns how many
 * are done with. */
static size_t drain(struct tap *tap)
{
	size_t pending = queue_pending(tap->queue), done = 0;

	tap->cycle.full = false;
	while (take_ready(tap) && done < pending && take_pending(tap, done))
		done++;
	if (done == pending && aside_settle(tap->aside))
		take_ready(tap);
	queue_release(tap->queue, done);
	return done;
}

static uint64_t waiting(const struct tap *tap)
{
	return queue_pending(tap->queue) + aside_count(tap->aside);
}

/* What the collector does is told to the other processes of the family. */
static void tell(struct tap *tap)
{
	uint64_t now = tap->cycle.began;
	uint64_t sent = tap->status.counts.frames;
	bool taken = sent != tap->sent;
	bool waits =
		!taken && tap->sent_at && waiting(tap) + tap->status.unsent;
	if (waits && now - tap->sent_at < SILENT_NS)
		return;
	if (taken || waits)
		family_tell(tap->index, taken, now);
	tap->sent = sent;
	tap->sent_at = now;
}

/* Finds what has come in since. */
static bool collect(struct tap *tap)
{
	size_t pending = queue_collect(tap->queue, clock_steady());

	aside_look(tap->aside, tap->queue, tap->clocks.steady_ns,
		   tap->cycle.ending);
	return pending;
}

/* What can be done just now. Returns true if there is more, and no time to idle:
 * there always is while messages come in as fast as they go out. */
static bool run_cycle(struct tap *tap)
{
	struct cycle *cycle = &tap->cycle;
	size_t moved;

	clock_pair_read(&tap->clocks);
	cycle->began = tap->clocks.steady_ns;
	cycle->moved = 0;
	advance(tap);
	do {
		moved = 0;
		if (collect(tap))
			cycle->last_seen = cycle->began;
		if (tap->status.ready)
			moved = drain(tap);
		else
			queue_release(tap->queue, 0);
		cycle->moved += moved;
		if (moved)
			advance(tap);
	} while (moved && clock_steady() - cycle->began < CYCLE_NS);
	tell(tap);
	tap->stats.aside = aside_count(tap->aside);
	own_fds_begin();
	stats_settle(&tap->stats, cycle->began);
	own_fds_end();
	return moved;
}

/* `deadline`: 0, or when all is over. */
static void be_idle(struct tap *tap, uint64_t deadline)
{
	uint64_t until = stats_due(&tap->stats);

	if (aside_count(tap->aside) && tap->cycle.began + ASIDE_NS < until)
		until = tap->cycle.began + ASIDE_NS;
	if (deadline && deadline - FINISH_MARGIN_NS < until)
		until = deadline - FINISH_MARGIN_NS;
	idle_until(&tap->idle, &tap->cycle, until);
}

/* At the end the endpoint gets what is queued before it is told to stop. */
static bool is_over(struct tap *tap, uint64_t deadline)
{
	if (tap->cycle.began + FINISH_MARGIN_NS >= deadline)
		return true;
	if (!waiting(tap))
		tap->endpoint->ops->stop(tap->endpoint);
	return endpoint_status(tap->endpoint).over;
}

/* `sent`: of the end's beginning. */
static void finish(struct tap *tap, uint64_t sent)
{
	queue_collect(tap->queue, STATS_ALL);
	look_at_endpoint(tap);
	uint64_t left = waiting(tap) + tap->endpoint->ops->close(tap->endpoint);

	queue_release(tap->queue, queue_pending(tap->queue));
	if (left)
		queue_count_drop(tap->queue, DROP_ENDPOINT, left);
	if (left && tap->sent == sent)
		family_tell(tap->index, false, clock_steady());
	tap->stats.aside = 0;
	stats_close(&tap->stats);
	metrics_leave(tap->stats.metrics);
}

/* What a tap's thread begins with: memory is not allocated before it runs, as the
 * first message may pass in a signal handler. */
struct start {
	struct worker_task task;
	const struct tap_config *config;
	size_t index;
	struct queue *queue;
	struct metrics *metrics;
};

static size_t stack_size(const struct tap_config *config)
{
	return config->kind == ENDPOINT_TLS ? TLS_STACK_SIZE : STACK_SIZE;
}

static void tap_free(struct tap *tap)
{
	encoder_free(tap->encoder);
	annotator_free(tap->annotator);
	aside_free(tap->aside);
	endpoint_free(tap->endpoint);
	free(tap);
}

static struct tap *tap_new(const struct start *start)
{
	const struct tap_config *config = start->config;
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return NULL;
	tap->index = start->index;
	tap->queue = start->queue;
	tap->endpoint = endpoint_new(config, prepared[start->index]);
	tap->encoder =
		encoder_new(config->identity, config->version, config->full);
	tap->annotator = annotator_new(config);
	tap->aside = aside_new();
	if (tap->endpoint && tap->encoder && tap->annotator && tap->aside)
		return tap;
	tap_free(tap);
	return NULL;
}

/* Where memory is short, messages are kept in the queue until it no longer is.
 * Returns NULL when the end comes before. */
static struct tap *tap_await(const struct start *start)
{
	const struct timespec pause = { 0, NO_MEMORY_NS };
	struct tap *tap;

	while (!(tap = tap_new(start)) && !queue_finish_deadline(start->queue))
		ppoll(NULL, 0, &pause, NULL); /* what it is allowed anyway */
	return tap;
}

static void tap_open(struct tap *tap, const struct start *start)
{
	tap->stats = (struct stats){
		.config = start->config,
		.index = start->index,
		.queue = tap->queue,
		.endpoint = tap->endpoint,
		.metrics = start->metrics,
	};
	stats_open(&tap->stats);
	idle_open(&tap->idle, tap->queue, tap->endpoint);
}

/* Until the end. */
static void work(struct tap *tap)
{
	uint64_t deadline, sent = 0;

	for (;;) {
		/* Before the queue is looked at: what came before the end was
		 * asked for is sent. */
		deadline = queue_finish_deadline(tap->queue);
		if (deadline && !tap->cycle.ending) {
			sent = tap->sent;
			own_fds_begin();
			stats_end(&tap->stats);
			own_fds_end();
		}
		tap->cycle.ending = deadline;
		bool more = run_cycle(tap);
		if (deadline && is_over(tap, deadline))
			break;
		if (!more)
			be_idle(tap, deadline);
	}
	own_fds_begin();
	finish(tap, sent);
	own_fds_end();
}

static void run(void *argument)
{
	struct start start = *(struct start *)argument;

	metrics_join(start.metrics);
	struct tap *tap = tap_await(&start);
	worker_isolate_fds(); /* the endpoint's resolver has the host's */
	if (tap) {
		own_fds_begin();
		tap_open(tap, &start);
		own_fds_end();
		work(tap);
		idle_close(&tap->idle);
		/* free(3) of much at once may look into /proc: rather than that
		 * it all stays. */
		if (sandbox_allows(SYS_openat))
			tap_free(tap);
	} else {
		own_fds_begin();
		stats_unstarted(start.metrics, start.config, start.index,
				start.queue);
		metrics_leave(start.metrics);
		own_fds_end();
	}
	queue_finished(start.queue);
}

bool tap_prepare(const struct config *config)
{
	char error[TRANSPORT_ERROR_MAX] = "";

	for (size_t i = 0; i < config->n_taps; i++) {
		if (!transport_prepare(&config->taps[i], &prepared[i], error))
			continue;
		log_line(config->taps[i].socket, "not tapped: %s", error);
		return false;
	}
	return true;
}

int tap_start(const struct config *config, size_t index, struct queue *queue,
	      struct metrics *metrics)
{
	static struct start starts[CONFIG_TAPS_MAX];
	struct start *start = &starts[index];

	*start = (struct start){
		.task = { .run = run, .argument = start },
		.config = &config->taps[index],
		.index = index,
		.queue = queue,
		.metrics = metrics,
	};
	return worker_start(&start->task, stack_size(start->config));
}

int tap_reserve(const struct config *config)
{
	size_t stack = STACK_SIZE;

	for (size_t i = 0; i < config->n_taps; i++)
		if (stack_size(&config->taps[i]) > stack)
			stack = stack_size(&config->taps[i]);
	return worker_reserve(stack, config->n_taps);
}
