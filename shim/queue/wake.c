/* SPDX-License-Identifier: Apache-2.0
 *
 * Waking the consumer, asking after threads, and the end.
 */
#include "shim/queue/ring.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/process.h"
#include "shim/base/rest.h"
#include "shim/base/sandbox.h"

#define REST_NS NS_PER_MS

void queue_attend(struct queue *queue, pid_t process, pid_t thread)
{
	queue->shared->process = process;
	queue->shared->thread = thread;
	atomic_store(&queue->shared->attended, true);
}

void queue_wake(struct queue *queue)
{
	struct shared *shared = queue->shared;
	int saved = errno;

	/* A sandbox that the host has entered may forbid it, and more. */
	if (!sandbox_allows(SYS_tgkill))
		atomic_store(&shared->refused, true);
	else if (syscall(SYS_tgkill, shared->process, shared->thread,
			 QUEUE_WAKE_SIGNAL) &&
		 (errno == EPERM || errno == EACCES || errno == ENOSYS))
		atomic_store(&shared->refused, true);
	errno = saved;
}

void queue_await_consumer(struct queue *queue, void (*begin)(void))
{
	atomic_store(&queue->shared->begin, begin);
	atomic_store(&queue->shared->asleep, 1);
}

/* Once: not by a handler that comes in between as well. */
static void begin_once(struct shared *shared, void (*begin)(void))
{
	int cancel;

	/* Who is cancelled here asynchronously would leave it to nobody. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (atomic_exchange(&shared->asleep, 0))
		begin();
	pthread_setcancelstate(cancel, NULL);
}

void queue_nudge(struct queue *queue)
{
	struct shared *shared = queue->shared;
	uint32_t sleep = atomic_load(&shared->asleep);
	void (*begin)(void);

	if (!sleep)
		return;
	begin = atomic_load(&shared->attended) ? NULL
					       : atomic_load(&shared->begin);
	if (begin) {
		begin_once(shared, begin);
	} else {
		/* Rather twice than not at all, where a thread goes no further
		 * than this. It may sleep again by now. */
		queue_wake(queue);
		atomic_compare_exchange_strong(&shared->asleep, &sleep, 0);
	}
}

bool queue_wakes(const struct queue *queue)
{
	return !atomic_load_explicit(&queue->shared->refused,
				     memory_order_relaxed);
}

void queue_wake_last(struct queue *queue)
{
	atomic_store(&queue->shared->refused, true);
	queue_wake(queue);
}

bool queue_thread_exists(const struct queue *queue, pid_t thread)
{
	pid_t process = process_id();

	return !queue_wakes(queue) || !process || !sandbox_allows(SYS_tgkill) ||
	       !syscall(SYS_tgkill, process, thread, 0) || errno != ESRCH;
}

void queue_awake(struct queue *queue)
{
	atomic_store_explicit(&queue->shared->asleep, 0, memory_order_relaxed);
}

void queue_finish(struct queue *queue, uint64_t deadline_ns)
{
	atomic_store(&queue->shared->finish_deadline, deadline_ns);
	queue_wake(queue);
}

uint64_t queue_finish_deadline(const struct queue *queue)
{
	return atomic_load(&queue->shared->finish_deadline);
}

void queue_finished(struct queue *queue)
{
	_Atomic uint32_t *done = &queue->shared->done;

	atomic_store(&queue->shared->attended, false);
	atomic_store(done, 1);
	syscall(SYS_futex, done, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

bool queue_reopen(struct queue *queue)
{
	if (!atomic_load(&queue->shared->done))
		return false;
	atomic_store(&queue->shared->finish_deadline, 0);
	atomic_store(&queue->shared->done, 0);
	return true;
}

/* Where there is no futex to be had, it is looked at from time to time. */
static void await_done(_Atomic uint32_t *done, uint64_t left_ns)
{
	struct timespec timeout = { left_ns / NS_PER_S, left_ns % NS_PER_S };

	if (!sandbox_allows(SYS_futex) ||
	    (syscall(SYS_futex, done, FUTEX_WAIT, 0, &timeout, NULL, 0) < 0 &&
	     errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT))
		rest(REST_NS);
}

void queue_await_attended(struct queue *queue, uint64_t deadline_ns)
{
	struct shared *shared = queue->shared;

	while (!atomic_load(&shared->attended) && !atomic_load(&shared->done) &&
	       clock_steady() < deadline_ns)
		rest(REST_NS);
}

void queue_await_finished(struct queue *queue, uint64_t deadline_ns)
{
	_Atomic uint32_t *done = &queue->shared->done;
	uint64_t now;

	while (!atomic_load(done) && (now = clock_steady()) < deadline_ns)
		await_done(done, deadline_ns - now);
}
