/* SPDX-License-Identifier: Apache-2.0
 *
 * From commit to collect: queue_commit and read_slot. The event that the consumer
 * reads behind the mark is the one that the producer has written.
 */
#define THREADS 2
#define WORDS   2
#define WRITES  4
#include "weak.pml"

#define PRODUCER 0
#define CONSUMER 1
#define MARK     0
#define EVENT    1

#define HELD 1
#define DONE 2

/* set_mark in produce.c; read_run in consume.c. Weakened: the event is read
 * before it is there. */
#ifndef SET_MARK
#define SET_MARK RELEASE
#endif
#ifndef READ_RUN
#define READ_RUN ACQUIRE
#endif

active proctype producer()
{
	bool taken;

	exchange(PRODUCER, MARK, SEQ_CST, SEQ_CST, 0, HELD, taken);
	use(PRODUCER, EVENT, 7);
	store(PRODUCER, MARK, SET_MARK, DONE)
}

active proctype consumer()
{
	byte mark;

	load(CONSUMER, MARK, READ_RUN, mark);
	if
	:: mark == DONE -> use(CONSUMER, EVENT, 0)
	:: else
	fi
}
