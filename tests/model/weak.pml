/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory in which a thread may read what is not the newest, for spin.
 *
 * Each word keeps all that was ever written to it. A thread has seen each word up to
 * some write, and may read that one or any later one. A write with release carries
 * what its thread has seen; who reads it with acquire has then seen that as well. An
 * exchange reads the newest write, and hands on what that carried. Sequentially
 * consistent ones see, of the word that they are at, whatever such ones have seen
 * or written before: less than C11 promises, so what holds here holds there.
 *
 * Not there: a read that sees a write which its own thread makes possible only later,
 * and writes of several threads to one word in another order than they are made in.
 * So of a hand-over it is shown that each side has seen what the other did before.
 *
 * Before it is included: THREADS, WORDS and WRITES, the most to one word.
 */
#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 2
#define SEQ_CST 3

#define ACQUIRES(order) ((order) == ACQUIRE || (order) == SEQ_CST)
#define RELEASES(order) ((order) == RELEASE || (order) == SEQ_CST)

typedef seen {
	byte upto[WORDS];
}

typedef word {
	byte last; /* its first write, of 0, is there from the beginning */
	byte value[WRITES];
	seen carries[WRITES];
}

word memory[WORDS];
seen thread[THREADS];
seen consistent;

/* Within one step of the model, and 0 between two. */
hidden byte at, other;

inline raise(whose, what, upto_)
{
	if
	:: whose.upto[what] < upto_ -> whose.upto[what] = upto_
	:: else
	fi
}

inline join(whose, with)
{
	other = 0;
	do
	:: other < WORDS ->
		raise(whose, other, with.upto[other]);
		other++
	:: else -> break
	od;
	other = 0
}

/* The oldest that may be read. */
inline begin(me, what, order)
{
	at = thread[me].upto[what];
	if
	:: order == SEQ_CST && consistent.upto[what] > at ->
		at = consistent.upto[what]
	:: else
	fi
}

inline see(me, what, order)
{
	raise(thread[me], what, at);
	if
	:: ACQUIRES(order) -> join(thread[me], memory[what].carries[at])
	:: else
	fi;
	if
	:: order == SEQ_CST -> raise(consistent, what, at)
	:: else
	fi
}

inline write(me, what, order, new)
{
	memory[what].last++;
	at = memory[what].last;
	assert(at < WRITES);
	memory[what].value[at] = new;
	raise(thread[me], what, at);
	if
	:: RELEASES(order) -> join(memory[what].carries[at], thread[me])
	:: else
	fi;
	if
	:: order == SEQ_CST -> raise(consistent, what, at)
	:: else
	fi
}

inline load(me, what, order, result)
{
	atomic {
		begin(me, what, order);
		do
		:: at < memory[what].last -> at++
		:: break
		od;
		see(me, what, order);
		result = memory[what].value[at];
		at = 0
	}
}

inline store(me, what, order, new)
{
	atomic {
		write(me, what, order, new);
		at = 0
	}
}

/* atomic_compare_exchange_strong; `failed` is the order where it does not. */
inline exchange(me, what, order, failed, old, new, done)
{
	atomic {
		begin(me, what, order);
		do
		:: at < memory[what].last -> at++
		:: memory[what].value[at] != old ->
			see(me, what, failed);
			done = false;
			break
		:: at == memory[what].last && memory[what].value[at] == old ->
			see(me, what, order);
			write(me, what, order, new);
			join(memory[what].carries[at],
			     memory[what].carries[at - 1]);
			done = true;
			break
		od;
		at = 0
	}
}

/* Memory that is no atomic, read or written: it must be this thread's alone, which
 * has seen whatever another one did with it. */
inline use(me, what, new)
{
	atomic {
		assert(thread[me].upto[what] == memory[what].last);
		write(me, what, RELAXED, new);
		at = 0
	}
}
