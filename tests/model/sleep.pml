/* SPDX-License-Identifier: Apache-2.0
 *
 * Sleeping and waking: queue_sleep and queue_nudge. Either the consumer sees that a
 * mark is taken, or the producer sees that it sleeps. Two producers: who wakes it
 * late must not undo the next sleep.
 *
 * Not here: a mark that has been in flight for long keeps nobody awake (is_quiet). Its
 * commit is no exchange, so on x86-64 that may miss the sleep, as this model shows when
 * told so; a sleep that leaves one behind is short (idle.c).
 */
#define THREADS 3
#define WORDS   3
#define WRITES  6
#include "weak.pml"

#define CONSUMER 2
#define ASLEEP   2

#define HELD 1
#define DONE 2

/* take in produce.c; queue_nudge in wake.c; queue_sleep, and is_quiet, in
 * consume.c. Weakened: it sleeps on what has been committed. */
#ifndef TAKE
#define TAKE SEQ_CST
#endif
#ifndef NUDGE
#define NUDGE SEQ_CST
#endif
#ifndef SLEEP
#define SLEEP SEQ_CST
#endif
#ifndef LOOK
#define LOOK SEQ_CST
#endif

bool woken;    /* a signal is pending */
byte sleeps;   /* which one it is in */

active [2] proctype producer()
{
	byte me = _pid, mark = _pid, sleep;
	bool taken;

	exchange(me, mark, TAKE, TAKE, 0, HELD, taken);
	store(me, mark, RELEASE, DONE);
	load(me, ASLEEP, NUDGE, sleep);
	if
	:: sleep ->
		woken = true;
		exchange(me, ASLEEP, SEQ_CST, SEQ_CST, sleep, 0, taken)
	:: else
	fi
}

/* Goes to sleep up to twice: once before anything has come in. */
active proctype consumer()
{
	byte first, second;

	do
	:: sleeps < 2 ->
		sleeps++;
		store(CONSUMER, ASLEEP, SLEEP, sleeps);
		load(CONSUMER, 0, LOOK, first);
		load(CONSUMER, 1, LOOK, second);
		if
		:: first || second -> break /* it has something to do */
		:: else
		fi;
		/* It sleeps until it is woken. */
		atomic {
			woken -> woken = false;
			store(CONSUMER, ASLEEP, RELAXED, 0)
		}
	:: else -> break
	od
}
