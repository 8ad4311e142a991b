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

#include "shim/base/clock.h"
#include "shim/base/disposition.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/hook/runtime.h"
#include "shim/hook/signal.h"

/* So long nothing has come in: then the calls of other threads that were under way
 * are over, but for those that wait. And so often is asked. */
#define SETTLE_NS  (5 * NS_PER_MS)
#define SETTLE_MAX 10

/* How far a call's frames reach below its mark. */
#define CALL_DEPTH (32 * 1024)

/* Beyond the budget, if the thread that was let go on never comes back. */
#define LATE_NS (200 * NS_PER_MS)

#define TRIES 100

static struct stop *stop;
static uint64_t budget;

/* The kernel has restored the default action before it called the handler, but
 * another thread may have set one of its own since. */
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

static void settle(void)
{
	uint64_t before, captured = enqueue_captured();
	int looks = 0;

	do {
		before = captured;
		rest(SETTLE_NS);
		captured = enqueue_captured();
	} while (captured != before && ++looks < SETTLE_MAX);
}

/* Of the host's handlers none runs any more. Another signal that ends the process
 * by its default action does so, unless the host has blocked it (`before`). */
static void mask(const sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	for (size_t i = 0; i < 3; i++)
		if (disposition_numbers[i] == atomic_load(&stop->number) ||
		    !sigismember(before, disposition_numbers[i]))
			sigdelset(&all, disposition_numbers[i]);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* One thread ends the process, the others wait for that. */
static _Noreturn void end(const sigset_t *before)
{
	int number = atomic_load(&stop->number), cancel;

	if (atomic_exchange(&stop->ending, true))
		park();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	thread_state.untraced = THREAD_OURS;
	mask(before);
	if (budget)
		settle();
	runtime_end();
	die(number);
}

/* A thread is at either end of a call. Returns in a child that was forked
 * meanwhile, of which the end is not. */
static void halt(void)
{
	sigset_t before;

	if (!atomic_load(&stop->number))
		return;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	end(&before);
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

/* A thread that goes on but does not come to the end of its call, as it has jumped
 * out of it long ago, is not waited for any longer than that. */
static bool is_watched(int number)
{
	uint64_t ns = budget + LATE_NS;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = number };
	struct itimerspec late = { .it_value = { ns / NS_PER_S,
						 ns % NS_PER_S } };
	int timer;

	return sandbox_allows(SYS_timer_create) &&
	       sandbox_allows(SYS_timer_settime) &&
	       !syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) &&
	       !syscall(SYS_timer_settime, timer, 0, &late, NULL);
}

/* The default action of one of the signals. The second one ends at once. */
static void taken(int number, siginfo_t *info, void *context)
{
	int saved = errno, first = 0;

	/* Forked into a namespace by a call that nobody saw: see signal.h. */
	if (getpid() == 1)
		return;
	if (!runtime_has_begun())
		die(number);
	if (!atomic_compare_exchange_strong(&stop->number, &first, number))
		die(first);
	capture_halt(halt);
	if (!is_in_call(context) || is_own(info) || !is_watched(number))
		end(&((ucontext_t *)context)->uc_sigmask);
	errno = saved;
}

/* What it has inherited the kernel would not apply. */
static void in_child(void)
{
	if (getpid() == 1)
		signal_release(stop);
}

void stop_begin(struct stop *page, uint64_t budget_ns)
{
	stop = page;
	budget = budget_ns;
	disposition_begin(taken);
	pthread_atfork(NULL, NULL, in_child);
}

bool stop_takes(void)
{
	return stop && atomic_load(&stop->takes) && !process_is_vfork_child();
}
