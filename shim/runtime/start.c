/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting taps in the midst of a server's call, where hardly anything is allowed.
 */
#include "shim/runtime/start.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/handler.h"
#include "shim/base/log.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"
#include "shim/hook/signal.h"
#include "shim/runtime/live.h"
#include "shim/queue.h"
#include "shim/tap/worker.h"
#include "shim/tap/stats.h"
#include "shim/tap/tap.h"

#define RETRY_NS   NS_PER_S /* after memory or a thread was refused */
#define START_ROOM (16 * 1024)

static struct queue *map_queue(size_t i)
{
	struct queue *queue = atomic_load(&live->mapped[i]);

	if (queue)
		return queue;
	struct queue *made = queue_new((size_t)live_config->taps[i].queue *
				       CONFIG_QUEUE_UNIT);
	if (made &&
	    !atomic_compare_exchange_strong(&live->mapped[i], &queue, made)) {
		queue_free(made); /* another thread was first */
		return queue;
	}
	return made;
}

bool start_claim(size_t i, struct queue *queue)
{
	enum state state = IDLE;

	if (atomic_compare_exchange_strong(&live->state[i], &state, RUNNING))
		return true;
	if (state != ENDED ||
	    !atomic_compare_exchange_strong(&live->state[i], &state, RUNNING))
		return false;
	if (queue_reopen(queue))
		return true;
	atomic_store(&live->state[i], ENDED); /* it is not over yet */
	return false;
}

/*
 * pthread_create(3) needs some stack, and more of it than there may be on one for
 * signal handlers. Where libc has no stack at hand that is ready for a thread, it
 * also calls malloc(3), which a handler may have interrupted. What the call may
 * lack is there as soon as the handler returns; so the message waits in the queue.
 */
static bool is_place_to_start(void)
{
	size_t room = thread_room();

	if (room < START_ROOM)
		return false;
	return worker_reserved() || (room == SIZE_MAX && !handler_runs());
}

static int start_tap(size_t i)
{
	struct queue *queue = map_queue(i);

	if (!queue)
		return -ENOMEM;
	if (!is_place_to_start()) {
		atomic_store(&live->queue[i], queue);
		return 0;
	}
	bool claimed = start_claim(i, queue);
	/* Open before the thread runs: others need not wait for that, nor for who
	 * is about to start it. */
	if (claimed || atomic_load(&live->state[i]) == RUNNING)
		atomic_store(&live->queue[i], queue);
	if (!claimed)
		return 0;
	int error = tap_start(live_config, i, queue, &live->metrics);
	if (error) {
		atomic_store(&live->queue[i], NULL);
		atomic_store(&live->state[i], IDLE);
	}
	return error;
}

/* Says once what is short: now, if that is possible without waiting, otherwise by
 * the first thread that there is, or at the end. */
static void log_refused(size_t i, int error)
{
	const struct tap_config *tap = &live_config->taps[i];

	if (log_first(&tap->socket) &&
	    (thread_room() < START_ROOM ||
	     !log_try(tap->socket, STATS_REFUSED, strerrordesc_np(-error))))
		atomic_store(&live->metrics.refused[i], -error);
}

bool start_may(void)
{
	return sandbox_spares(sandbox_thread) &&
	       sandbox_spares(sandbox_running);
}

/* What has no thread because this is not the place to start one: whoever brings the
 * next message tries again. */
static void leave(size_t i)
{
	struct queue *queue = atomic_load(&live->queue[i]);

	if (queue && atomic_load(&live->state[i]) != RUNNING)
		queue_await_consumer(queue, start_taps);
}

static void start_all(uint64_t now)
{
	bool due = now >= atomic_load(&live->retry_ns);

	for (size_t i = 0; i < live_config->n_taps; i++) {
		if (!live_has(i) && !live_waits(i))
			continue;
		int error = !due ? 0 : start_may() ? start_tap(i) : -EPERM;

		if (error) {
			atomic_store(&live->retry_ns, now + RETRY_NS);
			log_refused(i, error);
		}
		leave(i);
	}
}

/* Where there is nobody to send what is left, there is no need. */
static void take_signals(void)
{
	for (size_t i = 0; i < live_config->n_taps; i++)
		if (atomic_load(&live->state[i]) == RUNNING)
			signal_take(&live->stop);
}

void start_taps(void)
{
	int saved = errno, cancel;
	uint64_t now = clock_steady(), never = 0;

	/* A thread that is cancelled asynchronously would leave libc's locks held,
	 * and a tap that nobody starts. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (!process_is_vfork_child()) {
		atomic_compare_exchange_strong(&live->began_ns, &never, now);
		start_all(now);
		take_signals();
	}
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
}

void start_left(void)
{
	bool left = false;

	for (size_t i = 0; i < live_config->n_taps; i++)
		left |= atomic_load(&live->queue[i]) &&
			atomic_load(&live->state[i]) != RUNNING;
	if (left)
		start_taps();
}
