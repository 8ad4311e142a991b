/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host's own seccomp filters let us do. It sets them up by prctl(2) or
 * seccomp(2), where the hooks see it, so that they are known and can be asked: a
 * filter may end the process for a call that the host itself never makes.
 *
 * A filter that was there before the program is part of its environment, as what
 * a service's unit says. Nobody can tell what is in it, and nothing is taken to be
 * refused by it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sock_fprog;

/* What a call comes to. */
enum sandbox_verdict {
	SANDBOX_ALLOWED,
	SANDBOX_REFUSED,  /* with an error, or by pretending success */
	SANDBOX_PUNISHED, /* with a signal, or at another process's discretion */
};

/* A call to be asked about; arguments beyond these are taken to be zero. */
struct sandbox_call {
	int number; /* -1 ends a list */
	uint64_t argument[3];
};

/* What calls are for. */
extern const struct sandbox_call
	sandbox_mapping[], /* of the host's: for what is kept of messages */
	sandbox_thread[],  /* likewise: to start one of ours */
	sandbox_beside[],  /* likewise: while there is one of ours */
	sandbox_running[], /* of ours: to go on with what it has */
	sandbox_others[], /* of ours, each of them asked for where it is made */
	sandbox_looking_up[], sandbox_writing[], sandbox_metrics[],
	sandbox_relatives[], sandbox_recorder[],
	sandbox_program[], /* of the host's: to look at one before an exec */
	sandbox_threads[]; /* likewise: at its own threads, at its end */

/* What this libc calls in the place of the one that it is asked for, or beside it; the
 * last number is -1. Whoever asks for the one is told of both. */
extern const struct sandbox_instead {
	int of, number;
} sandbox_instead[];

extern _Atomic unsigned sandbox_filters;

/* Not for callers. */
enum sandbox_verdict sandbox_judge(const struct sandbox_call *call);

/* For the calling thread: the host's are under all filters; ours under those that
 * whoever started it was under, and those that are for all. Where there are none,
 * which is nearly everywhere, at the cost of a load. */
static inline enum sandbox_verdict sandbox_asks(const struct sandbox_call *call)
{
	/* Acquire: of sandbox_enter. */
	if (!atomic_load_explicit(&sandbox_filters, memory_order_acquire))
		return SANDBOX_ALLOWED;
	return sandbox_judge(call);
}

static inline bool sandbox_allows(int number)
{
	return sandbox_asks(&(struct sandbox_call){ .number = number }) ==
	       SANDBOX_ALLOWED;
}

/* False if one call of the list may cost the process its life. */
bool sandbox_spares(const struct sandbox_call *list);

/* What a thread that this one starts is under; and on that, before all else: the
 * host may have set up others until it runs. */
unsigned sandbox_bequest(void);
void sandbox_inherit(unsigned filters);

/*
 * Around the host's call that sets up a filter; `program` NULL: strict mode;
 * `all`: for every thread of the process. It is read if it can be, or else taken
 * to punish everything. The answer is whether threads of ours can live on: not if
 * it is for all and against anything that they might do, as it may come between
 * the moment at which one of them has asked and the call; nor if it is against
 * sandbox_beside. From sandbox_enter on it is in force as far as we are concerned;
 * sandbox_leave: the host's call has failed.
 */
bool sandbox_read(const struct sock_fprog *program, bool all);
/* What the filter that has been read will by itself say to a thread of the
 * host's. */
enum sandbox_verdict sandbox_foresees(int number);
void sandbox_enter(void);
void sandbox_leave(void);
