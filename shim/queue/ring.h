/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the queue: what its producers and its consumer agree on.
 *
 * Slots come in runs of RUN_SLOTS. So that two threads on two cores do not fight
 * for one counter, a producer claims a run with one atomic operation and fills
 * it by way of a lane; threads share a lane when there are more of them than
 * lanes. The life of a run:
 *
 *	ring:   … 7 3 5 ⟨12⟩ 4 …          free, in the order of their claims
 *	             head      end        (positions only grow)
 *	             │ a producer claims it: head → head + 1
 *	             ▼
 *	lane->open = {generation, run, slot}   the generation: position of the claim
 *	             │
 *	             ▼      ┌ the consumer has read up to here, past what is in
 *	marks:  D D D ~ D D ~ . . . . .   flight (~), at the first free one (.)
 *	             │      └ the next producer takes it: generation, thread
 *	             │        and state in one exchange; then it copies, then
 *	             ▼        it commits (D)
 *	released, void or left: every slot. The consumer puts the run in at the end.
 *
 * A mark of an older generation is a free slot's, so that marks need no clearing
 * and nobody who comes late with an old position can take anything. Free slots
 * are always the last ones of their run. Marks lie apart from the slots, so that
 * no payload can be taken for one.
 *
 * So whatever a thread leaves behind by a jump, a cancellation or its end is a
 * mark with its name on it. It is retired, once, when the thread is proven to
 * have left: by itself when it comes back (capture/enqueue.c), or by the consumer
 * when there is no such thread any more. A run that nobody has gone on with for
 * a while, claimed or half filled, is closed by the consumer; that is harmless at
 * any time, as whoever had it finds no free slot in it and claims another.
 *
 * There are two rings: the first WARM_RUNS runs are used first and over and over,
 * so that a light load touches no more memory, however large the queue.
 */
#pragma once

#include <stdatomic.h>

#include "shim/base/thread.h"
#include "shim/queue.h"

#define SLOT_SIZE (sizeof(struct event) + QUEUE_SLOT_PAYLOAD)
#define RUN_SLOTS 64 /* as many as a word has bits; the longest message fits */
#define LANES     64
#define CACHELINE 64
#define PAGE      4096

/* So many that the lines of a slot have left the consumer's caches, from which
 * it costs most to take them, when it is used again. */
#define WARM_RUNS 128

/* A position: generation, run and slot; the last two together are the slot's index. */
#define SLOT_BITS       6
#define INDEX_BITS      28
#define INDEX_MASK      ((1ull << INDEX_BITS) - 1)
#define GENERATION_MASK (~INDEX_MASK)

/* A mark: generation, thread, which of the thread's open calls, and state. */
#define MARK_CALL_SHIFT   4
#define MARK_THREAD_SHIFT 6
#define MARK_STATE_MASK   15ull

enum mark_state {
	MARK_NONE,
	MARK_HELD, /* being filled; the message has crossed */
	MARK_FILL, /* being filled; it has not */
	MARK_SENT, /* it is in its call */
	MARK_MORE, /* the message of an earlier slot goes on here */
	MARK_DONE,
	MARK_VOID,
	MARK_REST, /* nobody will use this slot and those behind it */
	MARK_LEFT, /* retired: its message is lost, if it has crossed at all */
};

_Static_assert(SLOT_SIZE % CACHELINE == 0, "slots share no cache line");
_Static_assert(offsetof(struct event, payload) + EVENT_OCTETS_MAX <=
		       RUN_SLOTS * SLOT_SIZE,
	       "a run holds the longest message");
_Static_assert(MARK_THREAD_SHIFT + 22 == INDEX_BITS, "thread ids have 22 bits");
_Static_assert(THREAD_CALLS_MAX < 4, "calls have 2");

struct lane {
	/* Its position in its run; 0: none. */
	_Alignas(2 * CACHELINE) _Atomic uint64_t open;

	/* The messages of its owner that have got in, in each of the calls that may
	 * be open at once, so that none adds while another does; and, [0], those of
	 * all others. */
	_Atomic uint64_t counted[1 + THREAD_CALLS_MAX];
};

struct ring {
	_Alignas(2 * CACHELINE) _Atomic uint64_t head; /* the producers' */
	_Alignas(2 * CACHELINE) _Atomic uint64_t end;  /* the consumer's */
	uint64_t taken; /* up to which it has taken over what was claimed */
};

/* What the consumer knows of a run: bits are slots. */
struct notes {
	uint64_t generation;
	uint64_t seen, done; /* collected or of no interest; and released */
	uint64_t held;       /* not to be released with the others */
	uint64_t old;        /* in flight when last asked after */
	uint32_t used;       /* slots that were not free then */
};

/* Whole pages, so that a run can move into a file by itself (move.c). What is
 * there of the consumer's is for whoever reads that file after a crash. */
struct run {
	_Atomic uint64_t mark[RUN_SLOTS];
	_Alignas(CACHELINE) struct notes notes;
	/* Of messages that are held: their number in the order of sending, from
	 * 1 on, and the octets that are sent for each. */
	uint64_t order[RUN_SLOTS];
	uint32_t octets[RUN_SLOTS];
	_Alignas(PAGE) uint8_t slot[RUN_SLOTS][SLOT_SIZE];
};
_Static_assert(sizeof(struct run) % PAGE == 0, "runs share no page");

/* An event that has been collected, and what is asked of it again: its own cache
 * line may have left this core's by then. */
struct pending {
	uint64_t stamp_ns;
	uint32_t index; /* of its first slot */
	uint16_t part, slots;
};

/* A call of several messages that was in flight during a collect. */
struct call {
	uint64_t thread, stamp_ns;
};
#define CALLS_MAX 64

/* Where the runs move to. The consumer's. */
struct move {
	uint32_t count;       /* of moves so far */
	int fd;               /* -1: none is under way */
	size_t unmoved;       /* runs */
	uint64_t offset;      /* of run 0 in the file */
	uint64_t order, sent; /* messages numbered so far; and those sent */
};

/* All zero in a forked child. */
struct shared {
	uint64_t epoch;

	/* Read by every producer, written when the consumer goes to sleep: which
	 * sleep it is, or 0. */
	_Alignas(2 * CACHELINE) _Atomic uint32_t asleep;
	_Atomic bool attended; /* there is a consumer */
	_Atomic pid_t process, thread;
	void (*_Atomic begin)(void);
	_Atomic bool refused;

	struct ring ring[2];

	/* The consumer's. */
	_Alignas(2 * CACHELINE) size_t first, count; /* of pending */
	size_t opens;
	uint32_t sleeps;
	bool in_flight; /* for long, what was left behind when it went to sleep */
	uint64_t in_ring, found, oldest_query, asked_ns;
	size_t calls;
	struct call call[CALLS_MAX];

	/* Of what has got in; and what has not, which is thereby captured as well:
	 * one word, so that a thread can leave nothing half counted. */
	_Alignas(2 * CACHELINE) _Atomic uint64_t dropped[DROP_CAUSE_COUNT];
	_Atomic uint64_t lost[DROP_CAUSE_COUNT];
	_Atomic uint64_t finish_deadline;
	_Atomic uint32_t done;

	struct lane lane[LANES];
};

/* Constant but for what is the consumer's, and the same in a forked child, which may
 * be in the midst of it. */
struct queue {
	struct shared *shared;
	struct run *run;
	_Atomic uint32_t *entry[2]; /* of the rings: run numbers */
	uint64_t entry_mask[2];
	uint32_t *open; /* runs that are not all seen */
	struct pending *pending, *scratch;
	struct event **sending; /* held, in the order of sending */
	uint32_t *home;         /* of each run: which move it has followed */
	struct move move;
	size_t runs, mapped;
	uint32_t serial; /* unique among the queues of this process */
};

static inline uint64_t bits(size_t slot, size_t count)
{
	return (count < RUN_SLOTS ? (1ull << count) - 1 : ~0ull) << slot;
}

static inline size_t slots_for(size_t size)
{
	return (offsetof(struct event, payload) + size + SLOT_SIZE - 1) /
	       SLOT_SIZE;
}

static inline uint64_t generation_of(uint64_t mark_or_position)
{
	return mark_or_position & GENERATION_MASK;
}

static inline enum mark_state state_of(uint64_t mark)
{
	return mark & MARK_STATE_MASK;
}

static inline uint64_t thread_of(uint64_t mark)
{
	return (mark & INDEX_MASK) >> MARK_THREAD_SHIFT;
}

static inline bool is_in_flight(uint64_t mark)
{
	enum mark_state state = state_of(mark);

	return state >= MARK_HELD && state <= MARK_MORE;
}

static inline uint64_t with_state(uint64_t mark, enum mark_state state)
{
	return (mark & ~MARK_STATE_MASK) | state;
}

static inline struct event *slot_at(const struct queue *queue,
				    uint64_t position)
{
	uint64_t index = position & INDEX_MASK;

	return (struct event *)queue->run[index / RUN_SLOTS]
		.slot[index % RUN_SLOTS];
}

static inline _Atomic uint64_t *mark_at(const struct queue *queue,
					uint64_t position)
{
	uint64_t index = position & INDEX_MASK;

	return &queue->run[index / RUN_SLOTS].mark[index % RUN_SLOTS];
}

static inline size_t index_of(const struct queue *queue,
			      const struct event *event)
{
	size_t offset = (const uint8_t *)event - (const uint8_t *)queue->run;
	size_t within =
		offset % sizeof(struct run) - offsetof(struct run, slot);

	return offset / sizeof(struct run) * RUN_SLOTS + within / SLOT_SIZE;
}

/* Free for whoever has the generation of `position`. */
static inline bool is_free(uint64_t mark, uint64_t position)
{
	return (int64_t)(generation_of(mark) - generation_of(position)) < 0;
}

/* A reservation that its thread has left for good: retired, by one of those who
 * find out. What was not yet being sent has never been. */
static inline void retire(_Atomic uint64_t *mark, uint64_t was)
{
	static const enum mark_state becomes[] = {
		[MARK_HELD] = MARK_LEFT,
		[MARK_FILL] = MARK_VOID,
		[MARK_SENT] = MARK_LEFT,
		[MARK_MORE] = MARK_VOID,
	};

	atomic_compare_exchange_strong(mark, &was,
				       with_state(was, becomes[state_of(was)]));
}

/* Wakes the consumer if it sleeps. */
void queue_nudge(struct queue *queue);

/* The consumer: these slots of the run are done with. */
void finish_slots(struct queue *queue, uint32_t number, uint64_t slots);

/* Likewise, of a run in which nothing is in flight or free any more: it moves,
 * unless it has. And what is to be done before that for those that have not. */
void move_run(struct queue *queue, uint32_t number);
void move_runs(struct queue *queue);

/* The consumer: of what is pending the first `before` are in order, and now all are. */
void put_in_order(const struct queue *queue, size_t before);

/* Claims the next run of a ring and leaves it unused. */
bool claim_unused(struct queue *queue, int which);

/* False only where it is certain that this process has no such thread. */
bool queue_thread_exists(const struct queue *queue, pid_t thread);
