/* SPDX-License-Identifier: Apache-2.0
 *
 * The producers' side. A signal, a jump or a cancellation at any point of it
 * leaves nothing, or what ring.h says is retired.
 */
#include "shim/queue/ring.h"

#include "shim/base/thread.h"

/* So far ahead of what is written. */
#define FETCH_SLOTS 2
#define FETCH_MARKS (CACHELINE / sizeof(uint64_t))

/* Claims between two wakes while the queue is filling up. */
#define WAKE_CLAIMS 16

/* The first threads have lanes of their own. */
static void choose_lane(void)
{
	static _Atomic uint32_t threads;
	uint32_t before =
		atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);

	thread_state.lane = 1 + before % LANES;
	thread_state.owns_lane = before < LANES;
}

static struct lane *this_lane(struct queue *queue)
{
	if (__builtin_expect(!thread_state.lane, 0))
		choose_lane();
	return &queue->shared->lane[thread_state.lane - 1];
}

/* What the marks of this thread's call say. */
static uint64_t signature(const struct queue *queue,
			  const struct thread_call *call, enum mark_state state)
{
	return (uint64_t)thread_id(queue->shared->epoch) << MARK_THREAD_SHIFT |
	       (call - thread_state.call) << MARK_CALL_SHIFT | state;
}

static uint64_t link_of(const struct queue *queue, uint64_t position)
{
	return (uint64_t)queue->serial << 32 | (position & INDEX_MASK);
}

/* Takes the next run of a ring. */
static bool claim_from(const struct queue *queue, int which, uint64_t *position)
{
	struct ring *ring = &queue->shared->ring[which];
	/* Acquire, also where the exchange fails: the end below is no older
	 * than this head. */
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t run;

	do {
		/* Acquire: of offer, behind which nobody reads the slots. */
		if (head ==
		    atomic_load_explicit(&ring->end, memory_order_acquire))
			return false;
		/* Not overwritten before somebody has claimed it. */
		run = atomic_load_explicit(
			&queue->entry[which][head & queue->entry_mask[which]],
			memory_order_relaxed);
	} while (!atomic_compare_exchange_weak(&ring->head, &head, head + 1));
	*position = (head + 1) << INDEX_BITS | run << SLOT_BITS;
	return true;
}

static size_t free_runs(const struct queue *queue)
{
	const struct ring *ring = queue->shared->ring;

	return ring[0].end - ring[0].head + ring[1].end - ring[1].head;
}

static bool claim(struct queue *queue, uint64_t *position)
{
	if (!claim_from(queue, 0, position) && !claim_from(queue, 1, position))
		return false;
	/* Should the host have discarded the signal that was to wake the
	 * consumer, it is woken when half of the queue is used. */
	if ((*position >> INDEX_BITS) % WAKE_CLAIMS == 0 &&
	    free_runs(queue) < queue->runs / 2)
		queue_wake(queue);
	return true;
}

/* The exchange is sequentially consistent: queue_sleep relies on it. */
static bool take(const struct queue *queue, uint64_t position, uint64_t mine)
{
	_Atomic uint64_t *mark = mark_at(queue, position);
	uint64_t was = atomic_load_explicit(mark, memory_order_relaxed);

	return is_free(was, position) &&
	       atomic_compare_exchange_strong(mark, &was,
					      generation_of(position) | mine);
}

bool claim_unused(struct queue *queue, int which)
{
	uint64_t position;

	return claim_from(queue, which, &position) &&
	       take(queue, position, MARK_REST);
}

/* Takes `slots` slots in a row, or none; then it returns how many there were. */
static size_t take_row(const struct queue *queue, uint64_t position,
		       size_t slots, uint64_t mine)
{
	uint64_t more = with_state(mine, MARK_MORE);
	size_t taken = take(queue, position, mine);

	while (taken && taken < slots && take(queue, position + taken, more))
		taken++;
	/* From the last to the first: what is left of a row is found from its
	 * beginning. */
	for (size_t i = taken; i-- && taken < slots;)
		atomic_store_explicit(mark_at(queue, position + i),
				      generation_of(position) |
					      with_state(mine, MARK_VOID),
				      memory_order_release);
	return taken;
}

/* Nobody will go on in this run. */
static bool is_closed(const struct queue *queue, uint64_t position)
{
	uint64_t mark = atomic_load_explicit(mark_at(queue, position),
					     memory_order_relaxed);
	int64_t ahead = generation_of(mark) - generation_of(position);

	return ahead > 0 || (!ahead && state_of(mark) == MARK_REST);
}

/* Takes a row in the run that `open` points into, and says where. */
static bool take_in_run(const struct queue *queue, struct thread_call *call,
			uint64_t open, size_t slots, uint64_t mine,
			uint64_t *position)
{
	size_t slot = open % RUN_SLOTS;

	for (open -= slot; slot + slots <= RUN_SLOTS;) {
		call->newest = link_of(queue, open + slot);
		atomic_signal_fence(memory_order_seq_cst);
		size_t taken = take_row(queue, open + slot, slots, mine);
		if (taken == slots) {
			*position = open + slot;
			return true;
		}
		if (!taken && is_closed(queue, open + slot))
			return false;
		slot += taken ? taken : 1;
	}
	/* What is left is too short for this message, or nothing. */
	while (slot < RUN_SLOTS && !is_closed(queue, open + slot) &&
	       !take(queue, open + slot, with_state(mine, MARK_REST)))
		slot++;
	return false;
}

/* The lane goes on at `next`, unless another has moved it meanwhile. Should it do
 * so just now, the run that it had moved to is left to the consumer. */
static void advance(struct lane *lane, uint64_t open, uint64_t next)
{
	if (atomic_load_explicit(&lane->open, memory_order_relaxed) == open)
		atomic_store_explicit(&lane->open, next % RUN_SLOTS ? next : 0,
				      memory_order_relaxed);
}

/* A lane's messages go into its runs in the order in which it had them: queue_collect
 * relies on it. So whoever was too slow with a new run for it does not use it. */
static bool renew(struct queue *queue, struct lane *lane, uint64_t open)
{
	uint64_t position;

	if (atomic_load_explicit(&lane->open, memory_order_relaxed) != open)
		return true;
	if (!claim(queue, &position))
		return false;
	if (!atomic_compare_exchange_strong(&lane->open, &open, position))
		take(queue, position, MARK_REST);
	return true;
}

/* Returns false when the queue is full. */
static bool reserve_slots(struct queue *queue, struct thread_call *call,
			  size_t slots, uint64_t mine, uint64_t *position)
{
	struct lane *lane = this_lane(queue);
	uint64_t open;

	if (slots > RUN_SLOTS)
		return false;
	do {
		open = atomic_load_explicit(&lane->open, memory_order_relaxed);
		if (open &&
		    take_in_run(queue, call, open, slots, mine, position)) {
			advance(lane, open, *position + slots);
			return true;
		}
	} while (renew(queue, lane, open));
	return false;
}

/* Takes a cache line that will be written soon from whoever has it. */
static void fetch_to_write(const void *line)
{
#if defined(__x86_64__)
	/* The compiler's own fetches it to be read, unless told more of the
	 * processor; one that does not know the instruction does nothing. */
	__asm__ volatile("prefetchw %0" : : "m"(*(const uint8_t *)line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/* The consumer was the last to read the slots ahead: the one after next is
 * fetched, as far as a message of this size goes, and the marks' next line. */
static void fetch_ahead(const struct queue *queue, uint64_t position,
			size_t size)
{
	const uint8_t *ahead =
		(uint8_t *)slot_at(queue, position + FETCH_SLOTS);
	size_t slot = position % RUN_SLOTS;

	if (slot % FETCH_MARKS == 0 && slot + FETCH_MARKS < RUN_SLOTS)
		fetch_to_write(mark_at(queue, position + FETCH_MARKS));
	if (slot + FETCH_SLOTS >= RUN_SLOTS || size > QUEUE_SLOT_PAYLOAD)
		return;
	for (size_t at = 0; at < sizeof(struct event) + size; at += CACHELINE)
		fetch_to_write(ahead + at);
}

static struct queue_room reserve(struct queue *queue, struct thread_call *call,
				 size_t size, enum mark_state state)
{
	uint64_t position, mine = signature(queue, call, state);
	size_t slots = slots_for(size);
	struct event *event;

	if (!reserve_slots(queue, call, slots, mine, &position))
		return (struct queue_room){ NULL, 0 };
	event = slot_at(queue, position);
	fetch_ahead(queue, position, size);
	event->size = size;
	event->slots = slots;
	event->part = thread_state.part++;
	event->link = 0;
	return (struct queue_room){ event, generation_of(position) | mine };
}

static void count(struct queue *queue, const struct thread_call *call,
		  uint64_t n)
{
	struct lane *lane = this_lane(queue);
	_Atomic uint64_t *sum = &lane->counted[call - thread_state.call];

	if (call == thread_state.call || !thread_state.owns_lane)
		atomic_fetch_add_explicit(&lane->counted[0], n,
					  memory_order_relaxed);
	else /* costs less, and nobody else adds to it */
		atomic_store_explicit(
			sum,
			atomic_load_explicit(sum, memory_order_relaxed) + n,
			memory_order_relaxed);
}

struct queue_room queue_reserve_for(struct queue *queue,
				    struct thread_call *call, size_t size)
{
	if (!call)
		call = thread_state.call;
	struct queue_room room = reserve(queue, call, size, MARK_HELD);
	if (room.event)
		count(queue, call, 1);
	else
		queue_count_lost(queue, DROP_QUEUE_FULL, 1);
	return room;
}

static void set_mark(const struct queue *queue, struct queue_room room,
		     enum mark_state state)
{
	/* Release: read_slot sees the event behind the mark. */
	atomic_store_explicit(mark_at(queue, index_of(queue, room.event)),
			      with_state(room.mark, state),
			      memory_order_release);
}

void queue_commit(struct queue *queue, struct queue_room room)
{
	set_mark(queue, room, MARK_DONE);
	queue_nudge(queue);
}

struct queue_room queue_depart(struct queue *queue, struct thread_call *call,
			       size_t size)
{
	return reserve(queue, call ? call : thread_state.call, size, MARK_FILL);
}

void queue_departed(struct queue *queue, struct queue_room room)
{
	set_mark(queue, room, MARK_SENT);
}

uint64_t queue_link(const struct queue *queue, struct queue_room room)
{
	return link_of(queue, index_of(queue, room.event));
}

bool queue_has(const struct queue *queue, uint64_t link)
{
	return link >> 32 == queue->serial;
}

struct event *queue_linked(const struct queue *queue, uint64_t link)
{
	return slot_at(queue, link);
}

/* In flight, and of this call. */
static bool is_mine(const struct queue *queue, const struct thread_call *call,
		    uint64_t mark)
{
	return is_in_flight(mark) &&
	       (mark & INDEX_MASK) == signature(queue, call, state_of(mark));
}

bool queue_land(struct queue *queue, const struct thread_call *call,
		uint64_t link, bool crossed)
{
	_Atomic uint64_t *mark = mark_at(queue, link);
	uint64_t was = atomic_load_explicit(mark, memory_order_relaxed);

	/* The exchange is sequentially consistent: queue_sleep relies on it. */
	return is_mine(queue, call, was) &&
	       atomic_compare_exchange_strong(
		       mark, &was,
		       with_state(was, crossed ? MARK_DONE : MARK_VOID));
}

void queue_landed(struct queue *queue, const struct thread_call *call,
		  uint64_t n)
{
	count(queue, call, n);
	queue_nudge(queue);
}

void queue_abandon(struct queue *queue, const struct thread_call *call,
		   uint64_t link)
{
	_Atomic uint64_t *mark = mark_at(queue, link);
	uint64_t was = atomic_load_explicit(mark, memory_order_relaxed);

	for (size_t slot = link % RUN_SLOTS; is_mine(queue, call, was);) {
		retire(mark, was);
		if (++slot == RUN_SLOTS)
			break;
		was = atomic_load_explicit(++mark, memory_order_relaxed);
		if (state_of(was) != MARK_MORE)
			break;
	}
}
