/* SPDX-License-Identifier: Apache-2.0
 *
 * The tap's thread: queue → describe → encode → session, and when to rest.
 */
#include "shim/tap/tap.h"

#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "proto/encode.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/thread.h"
#include "shim/tap/describe.h"
#include "shim/tap/isolate.h"
#include "shim/tap/session.h"

#define STACK_SIZE       (256 * 1024)
#define POLL_NS          (NS_PER_MS / 2)  /* while messages come in */
#define POLL_IDLE_NS     (10 * NS_PER_MS) /* where nothing can wake us */
#define SLEEP_MAX_NS     NS_PER_S         /* the host may discard a wake */
#define BUSY_NS          (10 * NS_PER_MS) /* so long after the last of them */
#define RETRY_FIRST_NS   (10 * NS_PER_MS)
#define RETRY_MAX_NS     (5 * NS_PER_S)
#define DROP_LOG_NS      (10 * NS_PER_S)
#define FINISH_MARGIN_NS (20 * NS_PER_MS) /* to say so, before the deadline */
#define NEVER            UINT64_MAX

struct tap {
	const struct tap_config *config;
	size_t index;
	struct queue *queue;
	struct metrics *metrics;
	struct encoder *encoder;
	struct describer *describer;
	struct session *session;
	int wake_fd; /* a signalfd; -1: there is none, so rests are short */

	uint64_t now;         /* clock_steady() of this turn */
	uint64_t last_seen;   /* when a message was last found */
	uint64_t retry_at;    /* when to connect again */
	uint64_t retry_delay; /* 0: at once */
	int away_error;       /* logged already; 0: none */

	uint64_t skipped, queued_most;
	uint64_t drop_logged, drop_log_at;
	uint64_t metrics_at; /* when the file is due; NEVER: another's task */
	bool metrics_failed; /* logged already */
};

static void log_away(struct tap *tap, int error)
{
	const char *detail = session_error(tap->session);

	if (tap->away_error == error)
		return; /* the same as before: say it once */
	tap->away_error = error;
	log_line(tap->config->socket, "%s%s%s; retrying, every %llu s at last",
		 strerror(-error), *detail ? ": " : "", detail,
		 RETRY_MAX_NS / NS_PER_S);
}

/* The endpoint is lost, or could not be had. */
static void went_away(struct tap *tap, int error)
{
	log_away(tap, error);
	tap->retry_at = tap->now + tap->retry_delay;
	tap->retry_delay =
		tap->retry_delay ? 2 * tap->retry_delay : RETRY_FIRST_NS;
	if (tap->retry_delay > RETRY_MAX_NS)
		tap->retry_delay = RETRY_MAX_NS;
}

static void connect_if_due(struct tap *tap)
{
	if (session_state(tap->session) != SESSION_CLOSED ||
	    tap->now < tap->retry_at)
		return;
	int error = session_open(tap->session, tap->now);
	if (error)
		went_away(tap, error);
}

static void advance(struct tap *tap)
{
	enum session_state before = session_state(tap->session);
	int error = session_advance(tap->session, tap->now);

	if (before != SESSION_STREAMING &&
	    session_state(tap->session) == SESSION_STREAMING) {
		log_line(tap->config->socket, "connected");
		tap->away_error = 0;
		tap->retry_delay =
			0; /* a good connection may be tried at once */
	}
	if (error)
		went_away(tap, error);
}

/* Room for whatever is logged of this event. */
static size_t bound(const struct tap *tap, const struct event *event)
{
	struct encode_facts largest = { .extra_size = DESCRIBE_EXTRA_MAX };

	return encoder_bound(tap->encoder, event, &largest);
}

/* Hands pending events to the session as long as it has room. Returns how many
 * are done with. */
static size_t drain(struct tap *tap, uint64_t wall)
{
	size_t pending = queue_pending(tap->queue), done = 0;

	for (; done < pending; done++) {
		struct event *event = queue_event(tap->queue, done);
		struct encode_facts facts;
		size_t size = bound(tap, event);

		if (size > SESSION_FRAME_MAX) {
			queue_count_drop(tap->queue, DROP_TOO_LARGE, 1);
			continue;
		}
		uint8_t *room = session_reserve(tap->session, size);

		if (!room)
			break;
		enum described what =
			describe(tap->describer, event, wall, &facts);
		if (what == DESCRIBE_LATER)
			break;
		if (what == DESCRIBE_SKIP)
			tap->skipped++;
		else
			session_commit(tap->session,
				       encoder_pack(tap->encoder, event, &facts,
						    room));
	}
	queue_release(tap->queue, done);
	return done;
}

static uint64_t dropped(const struct tap *tap)
{
	uint64_t sum = 0;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		sum += queue_dropped(tap->queue, cause);
	return sum;
}

/* Every DROP_LOG_NS while the sum grows. */
static void log_drops(struct tap *tap)
{
	uint64_t sum = dropped(tap);

	if (sum == tap->drop_logged || tap->now < tap->drop_log_at)
		return;
	log_line(tap->config->socket,
		 "dropped %" PRIu64 " messages, %" PRIu64 " in all",
		 sum - tap->drop_logged, sum);
	tap->drop_logged = sum;
	tap->drop_log_at = tap->now + DROP_LOG_NS;
}

static void publish(struct tap *tap)
{
	const struct session_counts *counts = session_counts(tap->session);
	uint64_t queued =
		queue_pending(tap->queue) + session_unsent(tap->session);

	if (queued > tap->queued_most)
		tap->queued_most = queued;
	metrics_publish(
		tap->metrics, tap->index, tap->queue,
		&(struct metrics_counts){
			.sent = counts->frames,
			.octets = counts->octets,
			.skipped = tap->skipped,
			.queued = queued,
			.queued_most = tap->queued_most,
			.connects = counts->connects,
			.disconnects = counts->disconnects,
			.handshake_failures = counts->handshake_failures,
			.up = session_state(tap->session) == SESSION_STREAMING,
		});
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

/* Everything that can be done just now. */
static void turn(struct tap *tap)
{
	size_t moved;

	tap->now = clock_steady();
	connect_if_due(tap);
	advance(tap);
	do {
		uint64_t wall = clock_wall();

		moved = 0;
		if (queue_collect(tap->queue, wall))
			tap->last_seen = tap->now;
		if (session_state(tap->session) == SESSION_STREAMING)
			moved = drain(tap, wall);
		else
			queue_release(tap->queue, 0);
		advance(tap);
	} while (moved);
	log_drops(tap);
	publish(tap);
	write_metrics(tap);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool streaming(const struct tap *tap)
{
	return session_state(tap->session) == SESSION_STREAMING;
}

/* Until when the thread may rest if nothing happens. */
static uint64_t rest_until(const struct tap *tap, uint64_t deadline)
{
	uint64_t until = deadline;

	if (!streaming(tap) && session_state(tap->session) == SESSION_CLOSED &&
	    tap->retry_at < until)
		until = tap->retry_at;
	if (dropped(tap) != tap->drop_logged && tap->drop_log_at < until)
		until = tap->drop_log_at;
	if (tap->metrics_at < until)
		until = tap->metrics_at;
	return until;
}

static void await(struct tap *tap, uint64_t until)
{
	struct pollfd fds[2] = { { .fd = tap->wake_fd, .events = POLLIN } };
	uint64_t deadline, now = clock_steady();
	struct signalfd_siginfo info;

	fds[1].fd = session_poll(tap->session, &fds[1].events, &deadline);
	if (deadline < until)
		until = deadline;
	uint64_t left = until > now ? until - now : 0;
	struct timespec timeout = { left / NS_PER_S, left % NS_PER_S };
	ppoll(fds, 2, until == NEVER ? NULL : &timeout, NULL);
	if (fds[0].revents & POLLIN &&
	    read(tap->wake_fd, &info, sizeof(info)) < 0)
		errno = 0; /* only its being there counts */
}

/* A sandbox may refuse signals between threads, from whenever it begins. */
static bool can_sleep(const struct tap *tap)
{
	return tap->wake_fd >= 0 && queue_wakes(tap->queue);
}

/* `deadline`: 0, or when all is over. */
static void rest(struct tap *tap, uint64_t deadline)
{
	uint64_t until =
		rest_until(tap, deadline ? deadline - FINISH_MARGIN_NS : NEVER);
	uint64_t now = clock_steady();
	bool busy = deadline || tap->now - tap->last_seen < BUSY_NS;
	/* Events that wait for a connection, or for room in it, need no look at
	 * the queue until the session gets on. */
	bool blocked = queue_pending(tap->queue) && !streaming(tap);

	if (!blocked && (busy || queue_pending(tap->queue)))
		await(tap, earlier(until, now + POLL_NS));
	else if (!can_sleep(tap))
		await(tap, earlier(until, now + POLL_IDLE_NS));
	else if (blocked)
		await(tap, earlier(until, now + SLEEP_MAX_NS));
	else if (queue_sleep(tap->queue)) {
		await(tap, earlier(until, now + SLEEP_MAX_NS));
		queue_awake(tap->queue);
	}
}

/* At the end: nothing waits for an endpoint that is not there, and one that is
 * there gets what is queued before it is told to stop. */
static bool is_over(struct tap *tap, uint64_t deadline)
{
	bool drained = !queue_pending(tap->queue);

	if (tap->now + FINISH_MARGIN_NS >= deadline)
		return true;
	switch (session_state(tap->session)) {
	case SESSION_STREAMING:
		if (drained)
			session_stop(tap->session);
		return false;
	case SESSION_STOPPING:
		return false;
	case SESSION_CLOSED:
		if (tap->retry_delay)
			return true;
		/* fall through */
	default:
		return drained && !session_unsent(tap->session);
	}
}

static void finish(struct tap *tap)
{
	uint64_t pending = queue_pending(tap->queue);
	uint64_t left = pending + session_unsent(tap->session);

	session_close(tap->session);
	session_discard(tap->session);
	queue_release(tap->queue, pending);
	if (left)
		queue_count_drop(tap->queue, DROP_ENDPOINT, left);
	tap->drop_log_at = 0;
	log_drops(tap);
	publish(tap);
	metrics_leave(tap->metrics);
	queue_finished(tap->queue);
}

/* Returns a signalfd, or -1 where nothing can wake this thread. */
static int open_wake(void)
{
	struct signalfd_siginfo info;
	sigset_t wake;

	sigemptyset(&wake);
	sigaddset(&wake, QUEUE_WAKE_SIGNAL);
	int fd = signalfd(-1, &wake, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0 && (tgkill(getpid(), gettid(), QUEUE_WAKE_SIGNAL) ||
			read(fd, &info, sizeof(info)) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void *run(void *argument)
{
	struct tap *tap = argument;
	uint64_t deadline;

	thread_state.muted = THREAD_OURS;
	prctl(PR_SET_NAME, "dnstapshim");
	isolate_fds();
	tap->wake_fd = open_wake();
	queue_attend(tap->queue, getpid(), gettid());
	for (;;) {
		/* Before the queue is looked at: what came before the end was
		 * asked for is sent. */
		deadline = queue_finish_deadline(tap->queue);
		turn(tap);
		if (deadline && is_over(tap, deadline))
			break;
		rest(tap, deadline);
	}
	finish(tap);
	isolate_leave();
}

static void tap_free(struct tap *tap)
{
	encoder_free(tap->encoder);
	describer_free(tap->describer);
	session_free(tap->session);
	free(tap);
}

static struct tap *tap_new(const struct tap_config *config)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	struct transport *transport = tap ? transport_new(config) : NULL;

	if (!transport) {
		free(tap);
		return NULL;
	}
	tap->config = config;
	tap->session = session_new(transport, config->unidirectional);
	if (!tap->session)
		transport_free(transport);
	tap->encoder =
		encoder_new(config->identity, config->version, config->full);
	tap->describer = describer_new(config);
	if (tap->session && tap->encoder && tap->describer)
		return tap;
	tap_free(tap);
	return NULL;
}

static int add_locals(struct dl_phdr_info *object, size_t size, void *sum)
{
	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_TLS)
			*(size_t *)sum += object->dlpi_phdr[i].p_memsz +
					  object->dlpi_phdr[i].p_align;
	return 0;
}

/* A thread has the thread-local variables of the whole program on its stack. */
static size_t stack_size(void)
{
	size_t size = STACK_SIZE;

	dl_iterate_phdr(add_locals, &size);
	return size;
}

static int start_thread(struct tap *tap)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack_size());
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* From its first instruction no signal of the host's lands on it. */
	pthread_attr_setsigmask_np(&attr, &all);
	int error = pthread_create(&thread, &attr, run, tap);
	pthread_attr_destroy(&attr);
	if (!error)
		isolate_uncount();
	return -error;
}

int tap_start(const struct config *config, size_t index, struct queue *queue,
	      struct metrics *metrics)
{
	struct tap *tap = tap_new(&config->taps[index]);

	if (!tap)
		return -ENOMEM;
	tap->index = index;
	tap->queue = queue;
	tap->metrics = metrics;
	/* The file is the first tap's task. */
	tap->metrics_at = metrics_wanted(metrics) && index == 0 ? 0 : NEVER;
	metrics_join(metrics);
	int error = start_thread(tap);
	if (error) {
		metrics_leave(metrics);
		tap_free(tap);
	}
	return error;
}
