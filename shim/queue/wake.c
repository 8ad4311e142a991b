/* SPDX-License-Identifier: Apache-2.0
 *
 * Waking the consumer, asking after threads, and the end.
 */
#include "shim/queue/ring.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/sandbox.h"

void queue_attend(struct queue *queue, pid_t process, pid_t thread)
{
	queue->shared->process = process;
	queue->shared->thread = thread;
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

void queue_nudge(struct queue *queue)
{
	if (atomic_load(&queue->shared->asleep) &&
	    atomic_exchange(&queue->shared->asleep, 0))
		queue_wake(queue);
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
	return !queue_wakes(queue) || !sandbox_allows(SYS_tgkill) ||
	       !syscall(SYS_tgkill, getpid(), thread, 0) || errno != ESRCH;
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

void queue_await_finished(struct queue *queue, uint64_t deadline_ns)
{
	_Atomic uint32_t *done = &queue->shared->done;
	uint64_t now;

	while (!atomic_load(done) && (now = clock_steady()) < deadline_ns) {
		uint64_t left = deadline_ns - now;
		struct timespec timeout = { left / NS_PER_S, left % NS_PER_S };

		if (sandbox_allows(SYS_futex))
			syscall(SYS_futex, done, FUTEX_WAIT, 0, &timeout, NULL,
				0);
	}
}
