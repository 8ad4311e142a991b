/* SPDX-License-Identifier: Apache-2.0
 *
 * While messages come in the queue is looked at from time to time, so that those
 * who write into it need not wake anyone; after that the thread sleeps until one
 * does.
 */
#include "shim/tap/idle.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/own_fds.h"
#include "shim/base/process.h"
#include "shim/base/rest.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

#define POLL_NS      NS_PER_MS        /* while messages come in */
#define POLL_MANY_NS (2 * NS_PER_MS)  /* while there are many */
#define POLL_MOST_NS (4 * NS_PER_MS)  /* while there are very many */
#define POLL_IDLE_NS (10 * NS_PER_MS) /* where nothing can wake us */
#define BLOCKED_NS   NS_PER_S         /* while the endpoint is away */
#define BUSY_NS      (10 * NS_PER_MS) /* so long after the last of them */

/* While fewer messages come in than looks at the queue would be taken, it is not
 * looked at: each of them ends a sleep, as it takes no more, and none waits. */
#define SELDOM     1500 /* a second */
#define AVERAGE_NS (16 * NS_PER_MS)

/* The host may discard a wake, or enter a sandbox that refuses it. So a sleep has
 * an end, which is the further away the longer nothing has come in. */
#define SLEEP_MIN_NS NS_PER_S
#define SLEEP_MAX_NS (64 * NS_PER_S)

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
	if (info.si_code == SI_TKILL && info.si_pid == process_id())
		return true;
	/* What only the kernel may say of a signal is lost. */
	if (sandbox_allows(SYS_rt_sigqueueinfo) &&
	    !syscall(SYS_rt_sigqueueinfo, process_id(), QUEUE_WAKE_SIGNAL,
		     &info))
		return false;
	if (sandbox_allows(SYS_kill))
		kill(process_id(), QUEUE_WAKE_SIGNAL);
	return false;
}

/* Returns a signalfd, or -1 where nothing can wake this thread. */
static int open_wake(void)
{
	pid_t process = process_id(), thread = thread_ask_id();
	sigset_t wake;

	if (!process || !thread || !sandbox_allows(SYS_tgkill) ||
	    !sandbox_allows(SYS_signalfd4))
		return -1;
	wake_set(&wake);
	int fd = own_fds_take(signalfd(-1, &wake, SFD_CLOEXEC | SFD_NONBLOCK));
	if (fd >= 0 &&
	    (tgkill(process, thread, QUEUE_WAKE_SIGNAL) || !take_wake())) {
		own_fds_close(fd);
		return -1;
	}
	return fd;
}

void idle_open(struct idle *idle, struct queue *queue,
	       struct endpoint *endpoint, struct control *control)
{
	*idle = (struct idle){
		.queue = queue,
		.endpoint = endpoint,
		.control = control,
		.wake_fd = open_wake(),
		.sleep_ns = SLEEP_MIN_NS,
	};
	queue_attend(queue, process_id(), thread_ask_id());
}

void idle_close(struct idle *idle)
{
	own_fds_close(idle->wake_fd);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until `until`, if neither the endpoint, nor an operator, nor a wake has anything to
 * do before. Where that cannot be asked, as the host has allowed itself fewer fds than
 * there are here, or memory is short, all is looked at from time to time. */
static void await(struct idle *idle, uint64_t until)
{
	struct pollfd fds[1 + ENDPOINT_FDS_MAX + CONTROL_FDS_MAX] = {
		{ .fd = idle->wake_fd, .events = POLLIN }
	};
	uint64_t deadline, control_deadline, now = clock_steady();
	size_t count = 1 + idle->endpoint->ops->poll(idle->endpoint, fds + 1,
						     &deadline);
	size_t controls =
		control_poll(idle->control, fds + count, &control_deadline);

	until = earlier(until, earlier(deadline, control_deadline));
	uint64_t left = until > now ? until - now : 0;
	struct timespec timeout = { left / NS_PER_S, left % NS_PER_S };
	int ready = ppoll(fds, count + controls, &timeout, NULL);
	if (ready > 0)
		control_polled(idle->control, fds + count, controls);
	else if (ready < 0)
		rest(earlier(left, POLL_IDLE_NS));
	if (fds[0].revents & POLLIN && !take_wake()) {
		own_fds_close(idle->wake_fd);
		idle->wake_fd = -1;
	}
}

/* A sandbox may refuse signals between threads, from whenever it begins. */
static bool can_sleep(const struct idle *idle)
{
	return idle->wake_fd >= 0 && queue_wakes(idle->queue);
}

/* Events that wait for a connection, or for room in it that is yet to be written
 * out, need no look at the queue until the endpoint gets on. */
static bool is_blocked(const struct idle *idle, const struct cycle *cycle)
{
	struct endpoint_status status = endpoint_status(idle->endpoint);

	return queue_pending(idle->queue) &&
	       ((cycle->full && status.unsent) || !status.ready);
}

/* What resting and being woken costs is shared by all that come meanwhile. */
static uint64_t poll_interval(const struct cycle *cycle)
{
	if (cycle->moved < CYCLE_MANY)
		return POLL_NS;
	return cycle->moved < CYCLE_MOST ? POLL_MANY_NS : POLL_MOST_NS;
}

/* Until a message comes in. */
static void sleep_until(struct idle *idle, uint64_t until)
{
	uint64_t now = clock_steady();

	if (queue_sleeps_lightly(idle->queue))
		idle->sleep_ns = SLEEP_MIN_NS;
	await(idle, earlier(until, now + idle->sleep_ns));
	queue_awake(idle->queue);
	/* A wake comes to nothing when the host has taken the fd's number. */
	if (!own_fds_shares())
		idle->sleep_ns = earlier(2 * idle->sleep_ns, SLEEP_MAX_NS);
}

/* Then it is looked at again by itself. */
static bool is_often(const struct idle *idle, const struct cycle *cycle)
{
	return idle->rate >= SELDOM || cycle->moved >= CYCLE_MANY ||
	       !can_sleep(idle);
}

static void look_at_rate(struct idle *idle, const struct cycle *cycle)
{
	uint64_t passed = cycle->began - idle->began;
	uint64_t before = passed < AVERAGE_NS ? AVERAGE_NS - passed : 0;

	idle->rate = (idle->rate * before + cycle->moved * NS_PER_S) /
		     (before + passed);
	idle->began = cycle->began;
}

void idle_until(struct idle *idle, const struct cycle *cycle, uint64_t until_ns)
{
	look_at_rate(idle, cycle);
	uint64_t now = clock_steady();
	bool busy = cycle->ending || cycle->began - cycle->last_seen < BUSY_NS;
	bool blocked = is_blocked(idle, cycle);

	if (busy)
		idle->sleep_ns = SLEEP_MIN_NS;
	if (!own_fds_intact(idle->wake_fd))
		idle->wake_fd = -1; /* the host has taken the number */
	busy = cycle->ending || (busy && is_often(idle, cycle));
	if (!blocked && (busy || queue_pending(idle->queue)))
		await(idle, earlier(until_ns, now + poll_interval(cycle)));
	else if (!can_sleep(idle))
		await(idle, earlier(until_ns, now + POLL_IDLE_NS));
	else if (blocked) /* nobody tells when the queue is full */
		await(idle, earlier(until_ns, now + BLOCKED_NS));
	else if (queue_sleep(idle->queue))
		sleep_until(idle, until_ns);
	else /* a message is on its way in, or never will be */
		await(idle, earlier(until_ns, now + POLL_NS));
}
