/* SPDX-License-Identifier: Apache-2.0
 *
 * The one copy of the per-thread state. A child of vfork(2) shares that of the
 * thread that made it, which meanwhile stands still.
 */
#include "shim/base/thread.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/process.h"
#include "shim/base/sandbox.h"

_Thread_local struct thread_state thread_state;

bool thread_stays_untraced(void)
{
	if (thread_state.untraced == THREAD_VFORK_CHILD &&
	    !process_is_vfork_child())
		thread_state.untraced =
			THREAD_TRACED; /* the vfork child has left */
	return thread_state.untraced;
}

void thread_before_vfork(void)
{
	process_before_vfork();
	if (!thread_state.untraced)
		thread_state.untraced = THREAD_VFORK_CHILD;
}

pid_t thread_ask_id(void)
{
	return sandbox_allows(SYS_gettid) ? syscall(SYS_gettid) : 0;
}

void thread_learn(uint64_t epoch)
{
	/* 0: a thread that nobody asks after in vain. */
	thread_state.id = thread_ask_id();
	thread_state.epoch = epoch;
}

static bool lies_in(const stack_t *stack, const void *frame)
{
	return (uintptr_t)frame - (uintptr_t)stack->ss_sp < stack->ss_size;
}

bool thread_has_alternate(stack_t *stack)
{
	return sandbox_allows(SYS_sigaltstack) && !sigaltstack(NULL, stack) &&
	       !(stack->ss_flags & SS_DISABLE);
}

size_t thread_room(void)
{
	const char *here = __builtin_frame_address(0);
	stack_t stack;

	return thread_has_alternate(&stack) && lies_in(&stack, here)
		       ? (size_t)(here - (const char *)stack.ss_sp)
		       : SIZE_MAX;
}

/*
 * Has the thread jumped out of the call whose frame is `open`, now that it is at
 * `frame`? A handler that interrupts a call lies deeper than it in the same stack,
 * or in a stack of the handlers' own; so does another library that calls us from
 * within the real call. A jump that has led still deeper is not told
 * apart, until the thread comes back to a shallower place.
 */
static bool has_left(const char *open, const char *frame)
{
	stack_t stack;

	if (thread_has_alternate(&stack) &&
	    lies_in(&stack, open) != lies_in(&stack, frame))
		return lies_in(&stack, open);
	return frame + THREAD_DEPTH > open;
}

void thread_close_above(unsigned depth, void (*left)(struct thread_call *call))
{
	while (thread_state.depth > depth) {
		left(&thread_state.call[thread_state.depth]);
		thread_state.depth--;
	}
}

void thread_close_left(const void *frame,
		       void (*left)(struct thread_call *call))
{
	unsigned depth = thread_state.depth;

	while (depth && has_left(thread_state.call[depth].frame, frame))
		depth--;
	thread_close_above(depth, left);
}
