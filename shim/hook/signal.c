/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that set, and tell, what a signal does. To the host a default action
 * that is ours looks like one that is the kernel's, and what it sets instead
 * replaces ours.
 *
 * libc's own insides (system(3), posix_spawn(3)) do not come by here: they put back
 * what they have found, and of an exec the kernel makes default actions.
 */
#include "shim/hook/signal.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/disposition.h"
#include "shim/base/process.h"
#include "shim/base/reach.h"
#include "shim/base/sandbox.h"
#include "shim/hook/libc.h"

/* As the kernel has it, on x86-64 and aarch64. */
struct action {
	disposition_handler *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static const int needed[] = {
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_tgkill,
	SYS_getpid,       SYS_gettid,         SYS_futex,
};
#define N_NEEDED ARRAY_SIZE(needed)

/* libc's own memory of siginterrupt(3), of which nobody can ask it. */
static _Atomic uint64_t interrupting;

/* Some have been ours once, in this process or one that it was forked from. */
static _Atomic bool taken;

/* Where the kernel is to return to; NULL where it knows by itself. */
static void *_Atomic restorer;

static bool is_default(const struct sigaction *action)
{
	return action->sa_handler == SIG_DFL;
}

/* What the host sets by libc has that in it. */
static unsigned added(void)
{
	return atomic_load(&restorer) ? DISPOSITION_RESTORER : 0;
}

static void take(struct sigaction *action, unsigned more)
{
	unsigned flags = action->sa_flags | more;

	action->sa_sigaction = disposition_take(&flags);
	action->sa_flags = flags;
}

static bool show(struct sigaction *action)
{
	unsigned flags = action->sa_flags;

	if (!disposition_show(action->sa_sigaction, &flags))
		return false;
	action->sa_handler = SIG_DFL;
	action->sa_flags = flags;
	if (!(flags & DISPOSITION_RESTORER))
		action->sa_restorer = NULL;
	return true;
}

static sighandler_t shown(sighandler_t handler)
{
	unsigned flags = 0;

	return disposition_show((disposition_handler *)(void *)handler, &flags)
		       ? SIG_DFL
		       : handler;
}

static bool is_taken(int number, const struct sigaction *action)
{
	return disposition_ends(number) && is_default(action) && stop_takes();
}

static int exchange(int number, const struct sigaction *action,
		    struct sigaction *before)
{
	struct sigaction ours;

	if (action && is_taken(number, action)) {
		ours = *action;
		take(&ours, added());
		action = &ours;
	}
	int result = real_late(sigaction)(number, action, before);
	if (!result && before && disposition_ends(number))
		show(before);
	return result;
}

int sigaction(int number, const struct sigaction *restrict action,
	      struct sigaction *restrict before)
{
	return exchange(number, action, before);
}

/* What signal(3) and its like come to, for a default action that is ours. */
static sighandler_t set_default(int number, int flags, bool masked)
{
	struct sigaction action = { .sa_flags = flags }, before;

	if (masked)
		sigaddset(&action.sa_mask, number);
	return exchange(number, &action, &before) ? SIG_ERR : before.sa_handler;
}

static bool wants_default(int number, sighandler_t handler)
{
	struct sigaction action = { .sa_handler = handler };

	return is_taken(number, &action);
}

sighandler_t signal(int number, sighandler_t handler)
{
	if (!wants_default(number, handler))
		return shown(real_late(signal)(number, handler));
	bool interrupts = atomic_load(&interrupting) >> number & 1;
	return set_default(number, interrupts ? 0 : SA_RESTART,
			   libc_signals.masks);
}

sighandler_t __sysv_signal(int number, sighandler_t handler)
{
	if (!wants_default(number, handler))
		return shown(real_late(__sysv_signal)(number, handler));
	return set_default(number, libc_signals.sysv_flags, false);
}

sighandler_t sigset(int number, sighandler_t handler)
{
	sigset_t only, before;

	if (!wants_default(number, handler))
		return shown(real_late(sigset)(number, handler));
	sighandler_t result = set_default(number, 0, false);
	sigemptyset(&only);
	sigaddset(&only, number);
	if (result == SIG_ERR || sigprocmask(SIG_UNBLOCK, &only, &before))
		return SIG_ERR;
	return sigismember(&before, number) ? SIG_HOLD : result;
}

/* libc sets or clears the flag of whatever handler there is; of a default action
 * that is ours the one that the host is shown. */
static void show_restart(int number, bool restarts)
{
	struct sigaction action;

	if (real_late(sigaction)(number, NULL, &action) || !show(&action))
		return;
	if (restarts)
		action.sa_flags |= SA_RESTART;
	else
		action.sa_flags &= ~SA_RESTART;
	take(&action, added());
	real_late(sigaction)(number, &action, NULL);
}

int siginterrupt(int number, int interrupts)
{
	int result = real_late(siginterrupt)(number, interrupts);

	if (result || !disposition_ends(number))
		return result;
	if (interrupts && libc_signals.remembers)
		atomic_fetch_or(&interrupting, 1ull << number);
	else
		atomic_fetch_and(&interrupting, ~(1ull << number));
	show_restart(number, !interrupts);
	return result;
}

/* By its number */

static void take_by_number(struct action *action)
{
	unsigned flags = action->flags;

	action->handler = disposition_take(&flags);
	action->restorer = atomic_load(&restorer);
	action->flags = (flags & ~DISPOSITION_RESTORER) | added();
}

static void show_by_number(struct action *action)
{
	unsigned flags = action->flags;

	if (!disposition_show(action->handler, &flags))
		return;
	action->handler = NULL;
	action->flags = flags;
	if (!(flags & DISPOSITION_RESTORER))
		action->restorer = NULL;
}

long signal_by_number(const struct real_table *by, long number, long action,
		      long before, long size, long unused, long unused_too)
{
	struct action ours;

	(void)by;
	if (size == sizeof(ours.mask) && disposition_ends(number) &&
	    stop_takes() && action &&
	    reach_reads((void *)action, sizeof(ours))) {
		ours = *(const struct action *)action;
		if (!ours.handler) {
			take_by_number(&ours);
			action = (long)&ours;
		}
	}
	long result = real.syscall(SYS_rt_sigaction, number, action, before,
				   size, unused, unused_too);
	if (!result && before && disposition_ends(number))
		show_by_number((struct action *)before);
	return result;
}

/* When they are ours */

static bool are_allowed(enum sandbox_verdict (*asked)(int number))
{
	for (size_t i = 0; i < N_NEEDED; i++)
		if (asked(needed[i]) != SANDBOX_ALLOWED)
			return false;
	return true;
}

static enum sandbox_verdict ask(int number)
{
	return sandbox_asks(&(struct sandbox_call){ .number = number });
}

/* Whatever another thread has set meanwhile is put back. */
static void take_default(int number)
{
	struct sigaction ours, before;

	if (real_late(sigaction)(number, NULL, &ours) || !is_default(&ours))
		return;
	take(&ours, 0);
	if (!real_late(sigaction)(number, &ours, &before) &&
	    !is_default(&before) && !show(&before))
		real_late(sigaction)(number, &before, NULL);
}

static void learn_restorer(void)
{
	struct action action;

	if (!real.syscall(SYS_rt_sigaction, SIGTERM, 0, &action,
			  sizeof(action.mask)) &&
	    disposition_show(action.handler, &(unsigned){ 0 }) &&
	    action.flags & DISPOSITION_RESTORER)
		atomic_store(&restorer, action.restorer);
}

/* Where the host's handler was for once, the kernel has left its own default action
 * behind; such handlers mostly end by raising what they have been told. */
int raise(int number)
{
	if (disposition_ends(number) && stop_takes())
		take_default(number);
	return real_late(raise)(number);
}

void signal_take(struct stop *stop)
{
	if (atomic_load(&stop->takes) || process_is_init() ||
	    !are_allowed(ask) || atomic_exchange(&stop->takes, true))
		return;
	atomic_store(&taken, true);
	for (size_t i = 0; i < 3; i++)
		take_default(disposition_numbers[i]);
	learn_restorer();
}

bool signal_is_ours(int number)
{
	struct sigaction action;

	return !real_late(sigaction)(number, NULL, &action) && show(&action);
}

void signal_restore(void)
{
	struct sigaction action;

	if (!atomic_load(&taken) || !are_allowed(ask))
		return; /* nothing was taken, or all has been restored */
	for (size_t i = 0; i < 3; i++) {
		int number = disposition_numbers[i];

		if (!real_late(sigaction)(number, NULL, &action) &&
		    show(&action))
			real_late(sigaction)(number, &action, NULL);
	}
}

/* Those that a process has inherited, too. */
void signal_confine(struct stop *stop)
{
	if (are_allowed(sandbox_foresees))
		return;
	atomic_store(&stop->takes, false);
	signal_restore();
}
