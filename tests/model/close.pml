/* SPDX-License-Identifier: Apache-2.0
 *
 * A free slot that the consumer takes back: ask_after, against take and
 * take_in_run. Either the producer has the slot, and its message is found, or it sees
 * that the run is closed.
 */
#define THREADS 2
#define WORDS   2
#define WRITES  5
#include "weak.pml"

#define PRODUCER 0
#define CONSUMER 1
#define MARK     0
#define EVENT    1

#define HELD 1
#define DONE 2
#define REST 3

bool committed, closed, over;

active proctype producer()
{
	bool taken;

	exchange(PRODUCER, MARK, SEQ_CST, SEQ_CST, 0, HELD, taken);
	if
	:: taken ->
		use(PRODUCER, EVENT, 7);
		store(PRODUCER, MARK, RELEASE, DONE);
		committed = true
	:: else
	fi;
	over = true
}

/* ask_after in consume.c. Weakened: it stores what it should exchange, and with it
 * overwrites a mark that has been taken meanwhile. */
inline take_back()
{
#ifdef STORED
	load(CONSUMER, MARK, RELAXED, mark);
	if
	:: mark == 0 ->
		store(CONSUMER, MARK, SEQ_CST, REST);
		closed = true
	:: else
	fi
#else
	exchange(CONSUMER, MARK, SEQ_CST, SEQ_CST, 0, REST, closed)
#endif
}

active proctype consumer()
{
	byte mark;

	take_back();
	load(CONSUMER, MARK, ACQUIRE, mark);
	if
	:: mark == DONE -> use(CONSUMER, EVENT, 0)
	:: else
	fi;
	over; /* what it will find then */
	assert(!committed || memory[MARK].value[memory[MARK].last] == DONE);
	assert(committed != closed)
}
