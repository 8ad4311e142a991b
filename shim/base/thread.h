/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library knows of the thread that runs in it. Initial-exec, so that
 * reading it neither allocates nor takes the loader's lock.
 */
#pragma once

/* Values of thread_state.untraced. */
#define THREAD_TRACED 0
#define THREAD_OURS   1 /* the library's own: its traffic is not the host's */
#define THREAD_VFORK_CHILD \
	2 /* lent to a child that may share its memory, not its fds */
#define THREAD_ENDING \
	3 /* of the host's, but it only ends the process any more */

/* Of those of ours, where it can be given. */
#define THREAD_NAME "dnstapshim"

/* So many calls may be open at once: one, and those of the signal handlers that
 * have interrupted it. */
#define THREAD_CALLS_MAX 3

/* A call within a call lies at least so much deeper in the stack. In between is a
 * signal handler's frame, with all registers, or what the outer one keeps. */
#define THREAD_DEPTH 512

#ifndef __ASSEMBLER__
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A call that has reservations in queues, as links of queue.h. */
struct thread_call {
	const void *frame;
	uint64_t first;  /* of those that it keeps across the real call */
	uint64_t newest; /* the one that is being made, or was the last */
};

struct thread_state {
	uint8_t untraced;
	uint8_t lane; /* where it writes into queues, from 1; 0: not yet chosen */
	bool owns_lane; /* alone */
	bool noted;    /* something for a message to be sent: capture/notes.h */
	uint8_t depth; /* of the calls that are open */
	uint16_t part; /* of its messages */
	uint32_t id;   /* gettid(), */
	uint64_t epoch; /* in the process to which a queue gave this number */
	const void *inside;  /* the frame of a call that carries messages */
	const void *session; /* likewise, of one that a TLS library makes */
	struct thread_call call[1 + THREAD_CALLS_MAX]; /* [depth]: the newest */
};

extern _Thread_local struct thread_state thread_state;

/* Not for callers: is an untraced thread still untraced? */
bool thread_stays_untraced(void);

/* The thread is about to make a process that may be a vfork child: entry.S. */
void thread_before_vfork(void);

/* True if nothing that the thread does is to be looked at. */
static inline bool thread_is_untraced(void)
{
	return __builtin_expect(thread_state.untraced, 0) &&
	       thread_stays_untraced();
}

/* gettid(2), or 0 where the host's own filter is against it. */
pid_t thread_ask_id(void);

/* The stack that the thread has for its handlers. False: none, or it cannot be
 * known. */
bool thread_has_alternate(stack_t *stack);

/* How much of it is left below this frame, if that lies in it; SIZE_MAX elsewhere,
 * where there is plenty. */
size_t thread_room(void);

/* Not for callers. */
void thread_learn(uint64_t epoch);

/* This thread's id, in the process that `epoch` stands for. */
static inline uint32_t thread_id(uint64_t epoch)
{
	if (__builtin_expect(thread_state.epoch != epoch, 0))
		thread_learn(epoch);
	return thread_state.id;
}

/* Not for callers. */
void thread_close_left(const void *frame,
		       void (*left)(struct thread_call *call));
void thread_close_above(unsigned depth, void (*left)(struct thread_call *call));

/* Opens a call, whose stack frame is `frame`: any address in it, but of one that is
 * open across the real call the record that it keeps. Returns NULL where too many are
 * open. Those that the thread has jumped out of have been closed before, the
 * newest first, each of them handed to `left`. */
static inline struct thread_call *thread_open(
	const void *frame, void (*left)(struct thread_call *call))
{
	struct thread_call *call;

	if (__builtin_expect(thread_state.depth, 0)) {
		thread_close_left(frame, left);
		if (thread_state.depth == THREAD_CALLS_MAX)
			return NULL;
	}
	call = &thread_state.call[thread_state.depth + 1];
	*call = (struct thread_call){ .frame = frame };
	/* A handler that comes in between uses, and leaves, the same place. */
	atomic_signal_fence(memory_order_seq_cst);
	thread_state.depth++;
	atomic_signal_fence(memory_order_seq_cst);
	*call = (struct thread_call){ .frame = frame };
	atomic_signal_fence(memory_order_seq_cst);
	return call;
}

/* Closes it, and before it likewise what handlers have left open above it, by
 * jumps of their own. */
static inline void thread_close(struct thread_call *call,
				void (*left)(struct thread_call *call))
{
	unsigned depth = call - thread_state.call;

	if (__builtin_expect(thread_state.depth > depth, 0))
		thread_close_above(depth, left);
	atomic_signal_fence(memory_order_seq_cst);
	thread_state.depth = depth - 1;
}
#endif
