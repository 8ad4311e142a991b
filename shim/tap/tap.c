/* SPDX-License-Identifier: Apache-2.0
 *
 * The tap's thread: queue → annotate → encode → endpoint, and the thread's life.
 */
#include "shim/tap/tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/own_fds.h"
#include "shim/base/rest.h"
#include "shim/base/sandbox.h"
#include "shim/tap/stats.h"
#include "shim/tap/annotate/aside.h"
#include "shim/tap/control.h"
#include "shim/tap/drain.h"
#include "shim/tap/endpoint/endpoint.h"
#include "shim/tap/family.h"
#include "shim/tap/prepare.h"
#include "shim/tap/recorder/recorder.h"
#include "shim/tap/recording.h"
#include "shim/tap/worker.h"
#include "shim/tap/idle.h"

#define STACK_SIZE       (256 * 1024)
#define CYCLE_NS         (5 * NS_PER_MS)  /* then the clock is looked at */
#define FINISH_MARGIN_NS (20 * NS_PER_MS) /* to say so, before the deadline */
#define NO_MEMORY_NS     (100 * NS_PER_MS)
#define SETTLE_NS        (10 * NS_PER_MS)
#define RELEASE_NS       (10 * NS_PER_MS)
#define SILENT_NS        NS_PER_S  /* frames wait, and none is taken */
#define ASIDE_NS         NS_PER_MS /* so often what is set aside is looked at */
#define LEAVE_NS         NS_PER_S /* so long calls may go on to use its queue */
#define LEFT_NS          (10 * NS_PER_S) /* then its collector has so long */
#define UNMOVED_NS       (50 * NS_PER_MS) /* and what a call keeps out of the file */

struct tap {
	struct drain drain;
	struct endpoint *endpoint;
	struct queue *queue;
	struct endpoint_status status; /* when last looked at */
	struct recording recording;
	struct cycle cycle; /* this one */
	struct idle idle;
	struct stats stats;
	uint64_t stats_due; /* when they have last been settled */
	uint64_t settle_at; /* next, while many messages come in */
	struct control control;
	struct report report; /* the last that was published */
	uint32_t rolls;       /* that were asked for, and done */
	uint64_t leaves_at;   /* it has been removed; 0: it has not */
	size_t index;
	uint64_t lost; /* of this process's messages, by the endpoint */
	uint64_t sent, sent_at; /* frames that were taken, when last any was */
};

static void look_at_endpoint(struct tap *tap)
{
	struct endpoint_status own = tap->status =
		endpoint_status(tap->endpoint);

	recording_own(&tap->recording, &own);
	if (own.lost != tap->lost)
		queue_count_drop(tap->queue, DROP_ENDPOINT,
				 own.lost - tap->lost);
	tap->lost = own.lost;
	recording_sent(&tap->recording);
}

static void advance(struct tap *tap)
{
	own_fds_begin();
	tap->endpoint->ops->advance(tap->endpoint, tap->cycle.began);
	own_fds_end();
	look_at_endpoint(tap);
}

/* What the collector does is told to the other processes of the family. */
static void tell(struct tap *tap)
{
	uint64_t now = tap->cycle.began;
	uint64_t sent = tap->status.counts.frames;
	bool taken = sent != tap->sent;
	bool waits = !taken && tap->sent_at &&
		     drain_waiting(&tap->drain) + tap->status.unsent;
	if (waits && now - tap->sent_at < SILENT_NS)
		return;
	if (taken || waits)
		family_tell(tap->index, taken, now);
	tap->sent = sent;
	tap->sent_at = now;
}

/* It has been removed, and nothing more is put into its queue but by calls that were
 * under way. When they must be over, all is as at the end of the process. */
static void leave(struct tap *tap)
{
	uint64_t now = tap->cycle.began;

	if (!tap->leaves_at &&
	    atomic_load(&tap->stats.metrics->report[tap->index].leaves))
		tap->leaves_at = now + LEAVE_NS;
	if (tap->leaves_at && now >= tap->leaves_at &&
	    !queue_finish_deadline(tap->queue))
		queue_finish(tap->queue, now + LEFT_NS);
}

/* An operator wants another file, or another connection. */
static void roll(struct tap *tap)
{
	uint32_t asked =
		atomic_load(&tap->stats.metrics->report[tap->index].rolls);

	if (asked == tap->rolls)
		return;
	tap->rolls = asked;
	if (tap->endpoint->ops->roll)
		tap->endpoint->ops->roll(tap->endpoint, tap->cycle.began);
}

/* For an operator. */
static void report(struct tap *tap)
{
	struct report now = {
		.since_ns =
			clock_pair_wall(&tap->drain.clocks, tap->cycle.began),
		.records = recording_records(&tap->recording),
	};

	tap->endpoint->ops->about(tap->endpoint, now.about, sizeof(now.about));
	report_settle(&tap->stats.metrics->report[tap->index], &tap->report,
		      &now);
}

/* Counts are summed up of what the server's threads write to, so while many messages
 * come in not after each of their cycles. Behind the last there is one of few. */
static void settle(struct tap *tap)
{
	uint64_t now = tap->cycle.began;

	if (tap->cycle.moved >= CYCLE_MANY && !tap->cycle.ending &&
	    now < tap->settle_at)
		return;
	tap->stats.aside = aside_count(tap->drain.aside);
	tap->stats.skipped = tap->drain.skipped;
	own_fds_begin();
	stats_settle(&tap->stats, now);
	own_fds_end();
	report(tap);
	tap->stats_due = stats_due(&tap->stats);
	tap->settle_at = now + SETTLE_NS < tap->stats_due ? now + SETTLE_NS
							  : tap->stats_due;
}

/* The few that came in meanwhile are not worth a write of their own, which wakes the
 * collector: they go with those of the next cycle. */
static bool is_more(const struct tap *tap, size_t moved)
{
	return moved >= CYCLE_MANY ||
	       (moved && (tap->drain.full || tap->cycle.ending));
}

/* What can be done just now. Returns true if there is more, and no time to idle:
 * there always is while messages come in as fast as they go out. */
static bool run_cycle(struct tap *tap)
{
	struct cycle *cycle = &tap->cycle;
	size_t moved;
	bool inherits;

	clock_pair_read(&tap->drain.clocks);
	cycle->began = tap->drain.clocks.steady_ns;
	cycle->moved = 0;
	/* What is set aside by then has left its slots. */
	if (recording_records(&tap->recording) ||
	    !aside_count(tap->drain.aside))
		recording_settle(&tap->recording, &tap->drain.clocks);
	tap->drain.recorded = recording_records(&tap->recording);
	roll(tap);
	leave(tap);
	advance(tap);
	do {
		moved = 0;
		inherits = false;
		if (drain_collect(&tap->drain, cycle->ending))
			cycle->last_seen = cycle->began;
		if (tap->status.ready)
			moved = recording_inherit(&tap->recording, &inherits);
		if (tap->status.ready && !inherits)
			moved += drain_pending(&tap->drain);
		else
			queue_release(tap->queue, 0);
		cycle->moved += moved;
		if (moved)
			advance(tap);
	} while (is_more(tap, moved) &&
		 clock_steady() - cycle->began < CYCLE_NS);
	tell(tap);
	cycle->full = inherits || tap->drain.full;
	settle(tap);
	control_advance(&tap->control, cycle->began);
	/* Of a predecessor's there may be more as soon as all of it is sent. */
	return is_more(tap, moved) || (inherits && !tap->status.unsent);
}

/* `deadline`: 0, or when all is over. */
static void be_idle(struct tap *tap, uint64_t deadline)
{
	uint64_t until = tap->stats_due;

	/* Once it has passed, what is set aside is waited for. */
	if (tap->recording.due > tap->cycle.began && tap->recording.due < until)
		until = tap->recording.due;
	if (queue_unmoved(tap->queue) && tap->cycle.began + UNMOVED_NS < until)
		until = tap->cycle.began + UNMOVED_NS;
	if (aside_count(tap->drain.aside) &&
	    tap->cycle.began + ASIDE_NS < until)
		until = tap->cycle.began + ASIDE_NS;
	if (tap->leaves_at > tap->cycle.began && tap->leaves_at < until)
		until = tap->leaves_at;
	if (deadline && deadline - FINISH_MARGIN_NS < until)
		until = deadline - FINISH_MARGIN_NS;
	idle_until(&tap->idle, &tap->cycle, until);
}

/* At the end the endpoint gets what is queued before it is told to stop. */
static bool is_over(struct tap *tap, uint64_t deadline)
{
	if (tap->cycle.began + FINISH_MARGIN_NS >= deadline)
		return true;
	if (!drain_waiting(&tap->drain))
		tap->endpoint->ops->stop(tap->endpoint);
	return endpoint_status(tap->endpoint).over;
}

/* `sent`: of the end's beginning. */
static void finish(struct tap *tap, uint64_t sent)
{
	queue_collect_last(tap->queue, STATS_ALL);
	look_at_endpoint(tap);
	bool own = !tap->recording.predecessor;
	uint64_t left = drain_waiting(&tap->drain),
		 unsent = tap->endpoint->ops->close(tap->endpoint);

	left += own ? unsent : 0;

	queue_release(tap->queue, queue_pending(tap->queue));
	if (left)
		queue_count_drop(tap->queue, DROP_ENDPOINT, left);
	if (left && tap->sent == sent)
		family_tell(tap->index, false, clock_steady());
	tap->stats.aside = 0;
	control_end(&tap->control);
	stats_close(&tap->stats);
	if (tap->leaves_at)
		metrics_retire(tap->index);
	metrics_leave(tap->stats.metrics, tap->stats.metrics_lock);
	recording_end(&tap->recording);
}

/* What a tap's thread begins with: memory is not allocated before it runs, as the
 * first message may pass in a signal handler. */
struct start {
	struct worker_task task;
	const struct config *config;
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
	drain_close(&tap->drain);
	free(tap);
}

static struct tap *tap_new(const struct start *start)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return NULL;
	tap->index = start->index;
	tap->queue = start->queue;
	if (!drain_open(&tap->drain, &start->config->taps[start->index],
			tap_prepared(start->index), start->queue)) {
		tap_free(tap);
		return NULL;
	}
	tap->endpoint = tap->drain.endpoint;
	return tap;
}

/* Where memory is short, messages are kept in the queue until it no longer is.
 * Returns NULL when the end comes before. */
static struct tap *tap_await(const struct start *start)
{
	struct tap *tap;

	while (!(tap = tap_new(start)) && !queue_finish_deadline(start->queue))
		rest(NO_MEMORY_NS);
	return tap;
}

static void tap_open(struct tap *tap, const struct start *start, int *lock)
{
	tap->stats = (struct stats){
		.config = &start->config->taps[start->index],
		.index = start->index,
		.queue = tap->queue,
		.endpoint = tap->endpoint,
		.recording = &tap->recording,
		.metrics = start->metrics,
		.metrics_lock = lock,
	};
	stats_open(&tap->stats);
	tap->rolls = atomic_load(&start->metrics->report[start->index].rolls);
	clock_pair_read(&tap->drain.clocks);
	tap->recording = (struct recording){
		.config = start->config,
		.tap = tap->index,
		.queue = tap->queue,
		.endpoint = tap->endpoint,
	};
	recording_begin(&tap->recording, &tap->drain.clocks);
	idle_open(&tap->idle, tap->queue, tap->endpoint, &tap->control);
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
			if (tap->endpoint->ops->retry)
				tap->endpoint->ops->retry(tap->endpoint);
			recording_stop(&tap->recording);
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

/* With the thread its fds go, and with these the sign that the process lives. */
static void release(struct metrics *metrics, int *lock)
{
	bool released;

	for (;;) {
		own_fds_begin();
		released = metrics_release(metrics, lock);
		own_fds_end();
		if (released)
			return;
		rest(RELEASE_NS);
	}
}

static void run(void *argument)
{
	struct start start = *(struct start *)argument;
	int lock = 0;

	bool removed = false;

	metrics_join(start.metrics);
	struct tap *tap = tap_await(&start);
	worker_isolate_fds(); /* the endpoint's resolver has the host's */
	if (tap) {
		own_fds_begin();
		tap_open(tap, &start, &lock);
		own_fds_end();
		work(tap);
		idle_close(&tap->idle);
		removed = tap->leaves_at;
		/* free(3) of much at once may look into /proc: rather than that
		 * it all stays. */
		if (sandbox_allows(SYS_openat))
			tap_free(tap);
	} else {
		own_fds_begin();
		stats_unstarted(start.metrics, &start.config->taps[start.index],
				start.index, start.queue);
		metrics_leave(start.metrics, &lock);
		own_fds_end();
	}
	if (removed && sandbox_allows(SYS_mmap))
		queue_give_back(start.queue);
	queue_finished(start.queue);
	release(start.metrics, &lock);
}

int tap_start(const struct config *config, size_t index, struct queue *queue,
	      struct metrics *metrics)
{
	static struct start starts[CONFIG_TAPS_MAX];
	struct start *start = &starts[index];

	*start = (struct start){
		.task = { .run = run, .argument = start },
		.config = config,
		.index = index,
		.queue = queue,
		.metrics = metrics,
	};
	return worker_start(&start->task, stack_size(&config->taps[index]));
}

int tap_reserve(const struct config *config)
{
	size_t stack = STACK_SIZE;

	for (size_t i = 0; i < config->n_taps; i++)
		if (stack_size(&config->taps[i]) > stack)
			stack = stack_size(&config->taps[i]);
	return worker_reserve(stack, config->n_taps);
}
