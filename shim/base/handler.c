/* SPDX-License-Identifier: Apache-2.0
 *
 * Above the frames of a handler lies what the kernel has put there to go on with
 * later: the registers, with a magic number in front of (aarch64) or within
 * (x86-64) those of the floating point, and the signals that were blocked. While
 * the handler runs its own is blocked as well, unless SA_NODEFER says otherwise. By
 * that what lies there is told from what earlier handlers have left behind.
 */
#include "shim/base/handler.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>

#include "shim/base/reach.h"

/* A handler's own frames are seldom larger. */
#define DEPTH (128 * 1024)

/* A stack that is further away is another one. */
#define STACK_MAX (64ul << 20)

/* Also what a sanitizer lays between variables. */
#define ANY_MEMORY __attribute__((no_sanitize("address", "thread")))

#if defined(__x86_64__)
/* The ucontext_t points to the FXSAVE area, which follows soon. */
#define PLACE      offsetof(ucontext_t, uc_mcontext.fpregs)
#define STEP       8
#define FRAME_SIZE 4096
#define MAGIC_AT   464
#define MAGIC      0x46505853 /* FP_XSTATE_MAGIC1 */

ANY_MEMORY static bool is_place(uintptr_t at)
{
	uintptr_t area = *(const uintptr_t *)at;
	const uint32_t *magic = (const uint32_t *)(area + MAGIC_AT);

	return area > at && area - at <= FRAME_SIZE && area % 64 == 0 &&
	       reach_reads(magic, sizeof(*magic)) && *magic == MAGIC;
}
#elif defined(__aarch64__)
/* Of several records in it, the registers of the floating point are the first. */
#define PLACE      offsetof(ucontext_t, uc_mcontext.__reserved)
#define STEP       16
#define MAGIC      0x46508001 /* FPSIMD_MAGIC */
#define MAGIC_SIZE 528

ANY_MEMORY static bool is_place(uintptr_t at)
{
	const uint32_t *record = (const uint32_t *)at;

	return record[0] == MAGIC && record[1] == MAGIC_SIZE;
}
#endif

/* Of a stack that grows downwards from what libc or the kernel has put at its end. 0: it
 * is some other stack. One that lies near by the host may have made itself, so not all
 * in between need be there. */
static uintptr_t end_of_stack(uintptr_t here)
{
	const uintptr_t ends[] = { (uintptr_t)pthread_self(),
				   getauxval(AT_RANDOM) };

	for (size_t i = 0; i < 2; i++)
		if (ends[i] > here && ends[i] - here < STACK_MAX)
			return ends[i];
	return 0;
}

/* The kernel's set of signals is one word, which begins libc's. */
static uint64_t word_of(const sigset_t *set)
{
	uint64_t word;

	memcpy(&word, set, sizeof(word));
	return word;
}

static bool may_be_unblocked(void)
{
	struct sigaction action;

	for (int number = 1; number < _NSIG; number++)
		if (!sigaction(number, NULL, &action) &&
		    action.sa_flags & SA_NODEFER)
			return true;
	return false;
}

static bool is_running(uint64_t before, uint64_t now)
{
	return !(before & ~now) && (before != now || may_be_unblocked());
}

/* The signals that were blocked before, if this is where a handler was begun. */
ANY_MEMORY static const sigset_t *blocked_before(uintptr_t at, uintptr_t here)
{
	const ucontext_t *context = (const ucontext_t *)(at - PLACE);
	const sigset_t *before = &context->uc_sigmask;

	return reach_reads((const void *)at, STEP) && is_place(at) &&
			       (uintptr_t)context >= here &&
			       reach_reads(before, sizeof(uint64_t))
		       ? before
		       : NULL;
}

bool handler_runs(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) & -STEP;
	uintptr_t end = end_of_stack(here), last = here + DEPTH;
	sigset_t blocked;

	if (pthread_sigmask(SIG_BLOCK, NULL, &blocked))
		return true;
	for (uintptr_t at = here; at + STEP <= end && at < last; at += STEP) {
		const sigset_t *before = blocked_before(at, here);

		if (before && is_running(word_of(before), word_of(&blocked)))
			return true;
	}
	return false;
}
