/* SPDX-License-Identifier: Apache-2.0
 *
 * From release to claim: offer and claim_from. A run is claimed once, by who reads
 * its number, and whose slots nobody reads any more. Two producers, as the second may
 * see the head that the first has moved and an end from before that.
 */
#define THREADS 3
#define WORDS   4
#define WRITES  4
#include "weak.pml"

#define CONSUMER 2
#define HEAD     0
#define END      1
#define ENTRY    2
#define SLOTS    3

#define RUN 5

/* offer in consume.c; claim_from in produce.c: the end, the head, and the
 * exchange. Weakened: a run that is not free, or is none. */
#ifndef OFFER
#define OFFER RELEASE
#endif
#ifndef CLAIM_END
#define CLAIM_END ACQUIRE
#endif
#ifndef CLAIM_HEAD
#define CLAIM_HEAD ACQUIRE
#endif
#ifndef CLAIM
#define CLAIM SEQ_CST
#endif

active proctype consumer()
{
	use(CONSUMER, SLOTS, 1); /* it reads them, for the last time */
	store(CONSUMER, ENTRY, RELAXED, RUN);
	store(CONSUMER, END, OFFER, 1)
}

active [2] proctype producer()
{
	byte me = _pid - 1, head, end, number;
	bool claimed;

	load(me, HEAD, CLAIM_HEAD, head);
	do
	:: 	load(me, END, CLAIM_END, end);
		if
		:: head == end -> break
		:: else
		fi;
		assert(head < end);
		load(me, ENTRY, RELAXED, number);
		exchange(me, HEAD, CLAIM, CLAIM, head, head + 1, claimed);
		if
		:: claimed ->
			assert(number == RUN);
			use(me, SLOTS, 2);
			break
		:: else -> load(me, HEAD, CLAIM_HEAD, head)
		fi
	od
}
