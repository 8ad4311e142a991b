/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler may run on any thread of the host's, in whatever that was at: all that
 * is done here and in runtime_end() is async-signal-safe.
 */
#include "shim/hook/stop.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/base/disposition.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"
#include "shim/base/threads.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/hook/runtime.h"
#include "shim/hook/signal.h"

/* What others are at is asked so often. */
#define PACE_NS NS_PER_MS

/* Where nobody says: so long nothing has come in. Then the calls of other threads
 * that were under way are mostly over, but for those that wait. And so often is
 * asked. */
#define SETTLE_NS  (5 * NS_PER_MS)
#define SETTLE_MAX 10

/* How far a call's frames reach below its mark. */
#define CALL_DEPTH (32 * 1024)

/* A thread that was let go on is looked after so often, and so many times. */
#define LOOK_NS  (20 * NS_PER_MS)
#define LOOK_MAX 3

/* What comes so soon behind the first signal is of the same stop: timeout(1) sends
 * each twice. */
#define SAME_NS (50 * NS_PER_MS)

#define TRIES 100

static struct stop *stop;

/* Another thread may set an action of its own meanwhile. */
static _Noreturn void die(int number)
{
	const struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t only;

	sigemptyset(&only);
	sigaddset(&only, number);
	for (int i = 0; i < TRIES; i++) {
		real_late(sigaction)(number, &plain, NULL);
		/* raise(3) goes by the parent's number in a child of vfork(2). */
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
		pthread_sigmask(SIG_UNBLOCK, &only, NULL);
	}
	real._exit(128 + number);
	__builtin_unreachable();
}

/* Until `ns` have passed, or for good. Nobody wakes it. */
static void rest(uint64_t ns)
{
	static _Atomic uint32_t never;
	const struct timespec time = { ns / NS_PER_S, ns % NS_PER_S };

	if (sandbox_allows(SYS_futex))
		syscall(SYS_futex, &never, FUTEX_WAIT, 0, ns ? &time : NULL,
			NULL, 0);
}

static _Noreturn void park(void)
{
	for (;;)
		rest(0);
}

static void settle_blindly(void)
{
	uint64_t before, captured = enqueue_captured();
	int looks = 0;

	do {
		before = captured;
		rest(SETTLE_NS);
		captured = enqueue_captured();
	} while (captured != before && ++looks < SETTLE_MAX);
}

static bool is_carrying(int number)
{
	static const int calls[] = {
		SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_read,
		SYS_readv,    SYS_preadv2, SYS_sendto,   SYS_sendmsg,
		SYS_sendmmsg, SYS_write,   SYS_writev,   SYS_pwritev2,
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i] == number)
			return true;
	return false;
}

/* A thread that waits within a call that carries messages is to carry none any more:
 * the call fails, or does what it would have done anyhow. */
static void interrupt(pid_t thread, int number)
{
	int ends = atomic_load(&stop->number);
	siginfo_t nudge = { .si_signo = ends, .si_code = SI_QUEUE };

	nudge.si_pid = getpid(); /* a union's */
	nudge.si_value.sival_ptr = stop;
	if (is_carrying(number) && signal_is_ours(ends) &&
	    sandbox_allows(SYS_rt_tgsigqueueinfo))
		syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, ends, &nudge);
}

static bool is_nudge(const siginfo_t *info)
{
	return info->si_code == SI_QUEUE && info->si_value.sival_ptr == stop;
}

/* Two looks at which others are asleep, and nothing that came in between: one that
 * has been seen asleep may be woken while the next is looked at. Who was interrupted
 * by the first is awake by the second, or has been. */
static enum threads look_twice(void)
{
	enum threads first = threads_look(interrupt);
	uint64_t before = enqueue_captured();

	if (first != THREADS_ASLEEP)
		return first;
	rest(PACE_NS);
	enum threads second = threads_look(NULL);
	return second == THREADS_ASLEEP && enqueue_captured() != before
		       ? THREADS_AWAKE
		       : second;
}

/* Until no other thread has anything to hand over, nor comes to it. */
static void settle(uint64_t deadline)
{
	enum threads others = look_twice();

	while (others == THREADS_AWAKE && clock_steady() < deadline) {
		rest(PACE_NS);
		others = look_twice();
	}
	if (others == THREADS_UNKNOWN)
		settle_blindly();
}

static void send_left(void)
{
	uint64_t began = clock_steady(), budget = runtime_budget();

	if (budget)
		settle(began + budget / 2);
	uint64_t spent = clock_steady() - began;
	runtime_end_within(spent < budget ? budget - spent : 0);
}

/* Of the host's handlers none runs any more. */
static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* Another signal of which the default action is ours may end it at once. */
static void unblock_ours(void)
{
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t i = 0; i < 3; i++)
		if (signal_is_ours(disposition_numbers[i]))
			sigaddset(&ours, disposition_numbers[i]);
	pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

/* The look that is due, if any, is not to interrupt the end. */
static void unwatch(void)
{
	if (atomic_load(&stop->watches) && sandbox_allows(SYS_timer_delete))
		syscall(SYS_timer_delete, stop->timer);
}

/* One thread ends the process, the others wait for that. */
static _Noreturn void end(void)
{
	int number = atomic_load(&stop->number), cancel;

	block_all();
	if (atomic_exchange(&stop->ending, true))
		park();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	thread_state.untraced = THREAD_ENDING;
	unwatch();
	unblock_ours();
	send_left();
	die(number);
}

/* A thread is at either end of a call. Returns in a child that was forked
 * meanwhile, of which the end is not. */
static void halt(void)
{
	if (atomic_load(&stop->number))
		end();
}

void stop_yield(void)
{
	if (!thread_is_untraced())
		halt();
}

static uintptr_t stack_pointer(const ucontext_t *context)
{
#if defined(__x86_64__)
	return context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	return context->uc_mcontext.sp;
#endif
}

/* Has the signal interrupted a call that carries messages? The mark is stale where
 * the thread has jumped out of one, and then mostly at a shallower place. */
static bool is_in_call(const ucontext_t *context)
{
	uintptr_t mark = (uintptr_t)thread_state.inside;
	uintptr_t at = stack_pointer(context);

	return mark && at < mark && mark - at < CALL_DEPTH;
}

/* raise(3) and kill(2) of oneself: whoever makes them is not to go on. */
static bool is_own(const siginfo_t *info)
{
	return (info->si_code == SI_USER || info->si_code == SI_TKILL ||
		info->si_code == SI_QUEUE) &&
	       info->si_pid == getpid();
}

/* A thread goes on to the end of its call. If it does not come there, as it is
 * about to wait within it, or has jumped out of it long ago, the signal comes again.
 */
static bool is_watched(int number)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = number,
				  .sigev_value.sival_ptr = stop };
	const struct itimerspec look = { .it_value.tv_nsec = LOOK_NS };

	if (!sandbox_allows(SYS_timer_create) ||
	    !sandbox_allows(SYS_timer_settime))
		return false;
	if (!atomic_load(&stop->watches)) {
		if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event,
			    &stop->timer))
			return false;
		atomic_store(&stop->watches, true);
	}
	return !syscall(SYS_timer_settime, stop->timer, 0, &look, NULL);
}

static bool is_look(const siginfo_t *info)
{
	return info->si_code == SI_TIMER && info->si_value.sival_ptr == stop;
}

static void begin_end(int number, const siginfo_t *info,
		      const ucontext_t *context)
{
	atomic_store(&stop->began_ns, clock_steady());
	capture_halt(halt);
	if (!is_in_call(context) || is_own(info) || !is_watched(number))
		end();
}

static void look(int number, const ucontext_t *context)
{
	if (atomic_load(&stop->ending))
		return;
	if (!is_in_call(context) ||
	    atomic_fetch_add(&stop->looks, 1) >= LOOK_MAX ||
	    !is_watched(number))
		end();
}

/* Whoever sends it to itself is not to go on; a second one ends at once. */
static void come_again(const siginfo_t *info)
{
	uint64_t began = atomic_load(&stop->began_ns);

	if (began && clock_steady() - began > SAME_NS)
		die(atomic_load(&stop->number));
	if (is_own(info) && thread_state.untraced != THREAD_ENDING)
		end();
}

/* By the end of its call, if it is in one. */
static void leave(const ucontext_t *context)
{
	if (!is_in_call(context) && thread_state.untraced != THREAD_ENDING)
		end();
}

/* The default action of one of the signals. */
static void taken(int number, siginfo_t *info, void *context)
{
	int saved = errno, none = 0;

	if (!runtime_has_begun() && !process_is_init())
		die(number);
	if (process_is_init()) /* forked by a call that nobody saw: signal.h */
		signal_restore();
	else if (atomic_compare_exchange_strong(&stop->number, &none, number))
		begin_end(number, info, context);
	else if (is_look(info))
		look(number, context);
	else if (is_nudge(info))
		leave(context);
	else
		come_again(info);
	errno = saved;
}

void stop_begin(struct stop *page)
{
	stop = page;
	disposition_begin(taken);
	/* A child has nothing to send until it begins. */
	pthread_atfork(NULL, NULL, signal_restore);
}

bool stop_takes(void)
{
	return stop && atomic_load(&stop->takes) && !process_is_vfork_child();
}
