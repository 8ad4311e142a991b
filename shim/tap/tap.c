/* SPDX-License-Identifier: Apache-2.0
 *
 * The tap's thread: queue → describe → encode → endpoint, and when to rest.
 */
#include "shim/tap/tap.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/encode.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/own.h"
#include "shim/base/thread.h"
#include "shim/tap/describe.h"
#include "shim/tap/endpoint.h"
#include "shim/tap/isolate.h"

#define STACK_SIZE       (256 * 1024)
#define TLS_STACK_SIZE   (512 * 1024)
#define POLL_NS          NS_PER_MS        /* while messages come in */
#define POLL_MANY_NS     (2 * NS_PER_MS)  /* while there are many */
#define MANY             32               /* in one turn */
#define TURN_NS          (5 * NS_PER_MS)  /* then the clock is looked at */
#define POLL_IDLE_NS     (10 * NS_PER_MS) /* where nothing can wake us */
#define SLEEP_MAX_NS     NS_PER_S         /* the host may discard a wake */
#define BUSY_NS          (10 * NS_PER_MS) /* so long after the last of them */
#define DROP_LOG_NS      (10 * NS_PER_S)
#define DROP_TEXT_MAX    40               /* a cause and its count */
#define FINISH_MARGIN_NS (20 * NS_PER_MS) /* to say so, before the deadline */
#define NO_MEMORY_NS     (100 * NS_PER_MS)
#define NEVER            UINT64_MAX

struct tap {
	const struct tap_config *config;
	size_t index;
	struct queue *queue;
	struct metrics *metrics;
	struct encoder *encoder;
	struct describer *describer;
	struct endpoint *endpoint;
	int wake_fd; /* a signalfd; -1: there is none, so rests are short */

	uint64_t now;       /* clock_steady() of this turn */
	uint64_t last_seen; /* when a message was last found */
	size_t moved;       /* messages of this turn */
	bool full;          /* the endpoint has no room for the next message */

	uint64_t skipped, queued_most;
	uint64_t drop_logged, drop_log_at;
	uint64_t metrics_at; /* when the file is due; NEVER: another's task */
	bool metrics_failed; /* logged already */
};

static struct prepared *prepared[CONFIG_TAPS_MAX];

static bool ready(const struct tap *tap)
{
	return tap->endpoint->ops->ready(tap->endpoint);
}

static void advance(struct tap *tap)
{
	tap->endpoint->ops->advance(tap->endpoint, tap->now);
	uint64_t lost = tap->endpoint->ops->lost(tap->endpoint);
	if (lost)
		queue_count_drop(tap->queue, DROP_ENDPOINT, lost);
}

/* Room for whatever is logged of this event. */
static size_t bound(const struct tap *tap, const struct event *event)
{
	struct encode_facts largest = { .extra_size = DESCRIBE_EXTRA_MAX };

	return encoder_bound(tap->encoder, event, &largest);
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

/* Hands pending events to the endpoint as long as it has room. Returns how many
 * are done with. */
static size_t drain(struct tap *tap, uint64_t wall)
{
	size_t pending = queue_pending(tap->queue), done = 0;
	const struct endpoint_ops *ops = tap->endpoint->ops;

	for (tap->full = false; done < pending; done++) {
		struct event *event = queue_event(tap->queue, done);
		struct encode_facts facts;
		size_t size = bound(tap, event);

		fetch_soon(tap, done + 4);
		if (size > SESSION_FRAME_MAX) {
			queue_count_drop(tap->queue, DROP_TOO_LARGE, 1);
			continue;
		}
		uint8_t *room = ops->reserve(tap->endpoint, size);

		tap->full = !room;
		if (!room)
			break;
		enum described what =
			describe(tap->describer, event, wall, &facts);
		if (what == DESCRIBE_LATER)
			break;
		if (what == DESCRIBE_SKIP)
			tap->skipped++;
		else
			ops->commit(tap->endpoint,
				    encoder_pack(tap->encoder, event, &facts,
						 room));
	}
	queue_release(tap->queue, done);
	return done;
}

/* That nobody has connected to us is said once, and how much it was at the end.
 */
static bool is_expected(const struct tap *tap)
{
	return tap->config->listen && !queue_finish_deadline(tap->queue);
}

static uint64_t dropped_for(const struct tap *tap, enum drop_cause cause)
{
	return cause == DROP_ENDPOINT && is_expected(tap)
		       ? 0
		       : queue_dropped(tap->queue, cause);
}

static uint64_t dropped(const struct tap *tap)
{
	uint64_t sum = 0;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		sum += dropped_for(tap, cause);
	return sum;
}

/* Every DROP_LOG_NS while the sum grows. */
static void log_drops(struct tap *tap)
{
	char causes[DROP_CAUSE_COUNT * DROP_TEXT_MAX] = "";
	uint64_t sum = 0;
	size_t at = 0;

	if (dropped(tap) == tap->drop_logged || tap->now < tap->drop_log_at)
		return;
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++) {
		uint64_t count = dropped_for(tap, cause);

		sum += count;
		if (count)
			at += snprintf(causes + at, DROP_TEXT_MAX,
				       " %s=%" PRIu64, drop_names[cause],
				       count);
	}
	log_line(tap->config->socket,
		 "dropped %" PRIu64 " messages, %" PRIu64 " in all:%s",
		 sum - tap->drop_logged, sum, causes);
	tap->drop_logged = sum;
	tap->drop_log_at = tap->now + DROP_LOG_NS;
}

static void publish(struct tap *tap)
{
	struct session_counts counts;
	uint64_t queued = queue_pending(tap->queue) +
			  tap->endpoint->ops->unsent(tap->endpoint);

	tap->endpoint->ops->count(tap->endpoint, &counts);
	if (queued > tap->queued_most)
		tap->queued_most = queued;
	struct metrics_counts now = {
		.sent = counts.frames,
		.octets = counts.octets,
		.skipped = tap->skipped,
		.queued = queued,
		.queued_most = tap->queued_most,
		.connects = counts.connects,
		.disconnects = counts.disconnects,
		.handshake_failures = counts.handshake_failures,
		.missed = counts.missed,
		.up = counts.up,
	};
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		now.dropped[cause] = queue_dropped(tap->queue, cause);
	metrics_publish(tap->metrics, tap->index, &now);
}

static void write_metrics(struct tap *tap)
{
	if (tap->now < tap->metrics_at)
		return;
	int error = metrics_write(tap->metrics);
	if (error && !tap->metrics_failed)
		log_line(NULL, "metrics: %s: %s; trying on", strerror(-error),
			 "the file cannot be written");
	tap->metrics_failed = error;
	tap->metrics_at = tap->now + METRICS_INTERVAL_S * NS_PER_S;
}

/* What can be done just now. Returns true if there is more, and no time to rest:
 * there always is while messages come in as fast as they go out. */
static bool turn(struct tap *tap)
{
	size_t moved;

	tap->now = clock_steady();
	tap->moved = 0;
	advance(tap);
	do {
		uint64_t wall = clock_wall();

		moved = 0;
		if (queue_collect(tap->queue, wall))
			tap->last_seen = tap->now;
		if (ready(tap))
			moved = drain(tap, wall);
		else
			queue_release(tap->queue, 0);
		tap->moved += moved;
		if (moved)
			advance(tap);
	} while (moved && clock_steady() - tap->now < TURN_NS);
	log_drops(tap);
	publish(tap);
	write_metrics(tap);
	return moved;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void wake_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, QUEUE_WAKE_SIGNAL);
}

/*
 * Takes a wake, or what was sent to the whole process and which a thread of the
 * host's is to get, as it blocks this signal. That is put back, and not looked
 * at any more. Returns false then, or if there is none.
 */
static bool take_wake(void)
{
	const struct timespec none = { 0, 0 };
	siginfo_t info;
	sigset_t wake;

	wake_set(&wake);
	/* libc's own call says SI_USER for SI_TKILL. */
	if (syscall(SYS_rt_sigtimedwait, &wake, &info, &none, _NSIG / 8) < 0)
		return false;
	if (info.si_code == SI_TKILL && info.si_pid == getpid())
		return true;
	/* What only the kernel may say of a signal is lost. */
	if (syscall(SYS_rt_sigqueueinfo, getpid(), QUEUE_WAKE_SIGNAL, &info))
		kill(getpid(), QUEUE_WAKE_SIGNAL);
	return false;
}

/* Rests until `until`, if nothing happens before and nothing is due. */
static void await(struct tap *tap, uint64_t until)
{
	struct pollfd fds[1 + ENDPOINT_FDS_MAX] = { { .fd = tap->wake_fd,
						      .events = POLLIN } };
	uint64_t deadline, now = clock_steady();
	size_t count =
		1 + tap->endpoint->ops->poll(tap->endpoint, fds + 1, &deadline);

	until = earlier(earlier(until, deadline), tap->metrics_at);
	if (dropped(tap) != tap->drop_logged)
		until = earlier(until, tap->drop_log_at);
	uint64_t left = until > now ? until - now : 0;
	struct timespec timeout = { left / NS_PER_S, left % NS_PER_S };
	ppoll(fds, count, &timeout, NULL);
	if (fds[0].revents & POLLIN && !take_wake()) {
		own_close(tap->wake_fd);
		tap->wake_fd = -1;
	}
}

/* A sandbox may refuse signals between threads, from whenever it begins. */
static bool can_sleep(const struct tap *tap)
{
	return tap->wake_fd >= 0 && queue_wakes(tap->queue);
}

/* True if there was no room, and what takes it still waits to be written. */
static bool is_full(const struct tap *tap)
{
	return tap->full && tap->endpoint->ops->unsent(tap->endpoint);
}

/* What resting and being woken costs is shared by all that come meanwhile. */
static uint64_t poll_interval(const struct tap *tap)
{
	return tap->moved < MANY ? POLL_NS : POLL_MANY_NS;
}

/* `deadline`: 0, or when all is over. */
static void rest(struct tap *tap, uint64_t deadline)
{
	uint64_t until = deadline ? deadline - FINISH_MARGIN_NS : NEVER;
	uint64_t now = clock_steady();
	bool busy = deadline || tap->now - tap->last_seen < BUSY_NS;
	/* Events that wait for a connection, or for room in it, need no look at
	 * the queue until the endpoint gets on. */
	bool blocked =
		queue_pending(tap->queue) && (is_full(tap) || !ready(tap));

	if (!blocked && (busy || queue_pending(tap->queue)))
		await(tap, earlier(until, now + poll_interval(tap)));
	else if (!can_sleep(tap))
		await(tap, earlier(until, now + POLL_IDLE_NS));
	else if (blocked) /* nobody tells when the queue is full */
		await(tap, earlier(until, now + SLEEP_MAX_NS));
	else if (queue_sleep(tap->queue)) {
		await(tap, earlier(until, now + SLEEP_MAX_NS));
		queue_awake(tap->queue);
	} else {
		/* A message is on its way in, or never will be. */
		await(tap, earlier(until, now + POLL_NS));
	}
}

/* At the end the endpoint gets what is queued before it is told to stop. */
static bool is_over(struct tap *tap, uint64_t deadline)
{
	if (tap->now + FINISH_MARGIN_NS >= deadline)
		return true;
	if (!queue_pending(tap->queue))
		tap->endpoint->ops->stop(tap->endpoint);
	return tap->endpoint->ops->over(tap->endpoint);
}

static void finish(struct tap *tap)
{
	uint64_t pending = queue_pending(tap->queue);
	uint64_t left = pending + tap->endpoint->ops->close(tap->endpoint);

	queue_release(tap->queue, pending);
	if (left)
		queue_count_drop(tap->queue, DROP_ENDPOINT, left);
	tap->drop_log_at = 0;
	log_drops(tap);
	publish(tap);
	metrics_leave(tap->metrics);
}

/* Returns a signalfd, or -1 where nothing can wake this thread. */
static int open_wake(void)
{
	sigset_t wake;

	wake_set(&wake);
	int fd = own_take(signalfd(-1, &wake, SFD_CLOEXEC | SFD_NONBLOCK));
	if (fd >= 0 &&
	    (tgkill(getpid(), gettid(), QUEUE_WAKE_SIGNAL) || !take_wake())) {
		own_close(fd);
		return -1;
	}
	return fd;
}

/* What a tap's thread begins with: memory is not allocated before it runs, as the
 * first message may pass in a signal handler. */
struct seat {
	struct isolate_task task;
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
	describer_free(tap->describer);
	endpoint_free(tap->endpoint);
	free(tap);
}

static struct tap *tap_new(const struct seat *seat)
{
	const struct tap_config *config = seat->config;
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return NULL;
	tap->config = config;
	tap->index = seat->index;
	tap->queue = seat->queue;
	tap->metrics = seat->metrics;
	/* The file is the first tap's task. */
	tap->metrics_at =
		metrics_wanted(seat->metrics) && seat->index == 0 ? 0 : NEVER;
	tap->endpoint = endpoint_new(config, prepared[seat->index]);
	tap->encoder =
		encoder_new(config->identity, config->version, config->full);
	tap->describer = describer_new(config);
	if (tap->endpoint && tap->encoder && tap->describer)
		return tap;
	tap_free(tap);
	return NULL;
}

/* Where memory is short, messages are kept in the queue until it no longer is.
 * Returns NULL when the end comes before. */
static struct tap *tap_await(const struct seat *seat)
{
	const struct timespec pause = { 0, NO_MEMORY_NS };
	struct tap *tap;

	while (!(tap = tap_new(seat)) && !queue_finish_deadline(seat->queue))
		nanosleep(&pause, NULL);
	return tap;
}

static void run(void *argument)
{
	struct seat seat = *(struct seat *)argument;
	uint64_t deadline;

	isolate_fds();
	struct tap *tap = tap_await(&seat);
	if (!tap) {
		metrics_leave(seat.metrics);
		queue_finished(seat.queue);
		return;
	}
	tap->wake_fd = open_wake();
	queue_attend(tap->queue, getpid(), gettid());
	for (;;) {
		if (!own_intact(tap->wake_fd))
			tap->wake_fd = -1; /* the host has taken the number */
		/* Before the queue is looked at: what came before the end was
		 * asked for is sent. */
		deadline = queue_finish_deadline(tap->queue);
		bool more = turn(tap);
		if (deadline && is_over(tap, deadline))
			break;
		if (!more)
			rest(tap, deadline);
	}
	finish(tap);
	own_close(tap->wake_fd);
	tap_free(tap);
	queue_finished(seat.queue);
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
	static struct seat seats[CONFIG_TAPS_MAX];
	struct seat *seat = &seats[index];

	*seat = (struct seat){
		.task = { run, seat },
		.config = &config->taps[index],
		.index = index,
		.queue = queue,
		.metrics = metrics,
	};
	metrics_join(metrics);
	int error = isolate_start(&seat->task, stack_size(seat->config));
	if (error)
		metrics_leave(metrics);
	return error;
}

void tap_reserve(const struct config *config)
{
	size_t stack = STACK_SIZE;

	for (size_t i = 0; i < config->n_taps; i++)
		if (stack_size(&config->taps[i]) > stack)
			stack = stack_size(&config->taps[i]);
	isolate_reserve(stack, config->n_taps);
}
