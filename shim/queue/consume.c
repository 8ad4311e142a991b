/* SPDX-License-Identifier: Apache-2.0
 *
 * The consumer's side: what has been claimed, what of it is committed, in which
 * order it comes, and what becomes of what nobody commits.
 */
#include "shim/queue/ring.h"

#include <string.h>

#include "shim/base/clock.h"

/* So long it may take until others see what a thread has written. */
#define SETTLE_NS 2000

/* So often is asked whether the threads still exist whose reservations were in
 * flight the last time, and is a run closed that nobody has gone on with. */
#define ASK_NS (NS_PER_S / 2)

static struct ring *home_of(const struct queue *queue, uint32_t number,
			    int *which)
{
	*which = number >= WARM_RUNS;
	return &queue->shared->ring[*which];
}

/* Puts a run in at its ring's end. */
static void offer(const struct queue *queue, uint32_t number)
{
	int which;
	struct ring *ring = home_of(queue, number, &which);
	uint64_t end = atomic_load_explicit(&ring->end, memory_order_relaxed);

	atomic_store_explicit(
		&queue->entry[which][end & queue->entry_mask[which]], number,
		memory_order_relaxed);
	/* Release: what the slots held has been read (claim_from). */
	atomic_store_explicit(&ring->end, end + 1, memory_order_release);
}

void finish_slots(struct queue *queue, uint32_t number, uint64_t slots)
{
	struct notes *notes = &queue->run[number].notes;

	notes->done |= slots;
	if (notes->done != ~0ull)
		return;
	move_run(queue, number);
	offer(queue, number);
}

/* Whoever reads them after a crash heeds them if their generation is the marks',
 * which has not such a bit. */
static void renew_notes(struct run *run, uint64_t generation)
{
	run->notes.generation = generation | 1;
	atomic_signal_fence(memory_order_seq_cst);
	run->notes.done = run->notes.held = 0;
	memset(run->order, 0, sizeof(run->order));
	atomic_signal_fence(memory_order_seq_cst);
	run->notes =
		(struct notes){ .generation = generation, .used = UINT32_MAX };
}

/* Takes over what has been claimed from a ring since it was last looked at. */
static void take_over(const struct queue *queue, int which)
{
	struct shared *shared = queue->shared;
	struct ring *ring = &shared->ring[which];
	/* Acquire, after the time was taken: every event that was committed
	 * before then lies in a run that is read. */
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	for (; ring->taken != head; ring->taken++) {
		uint32_t number = atomic_load_explicit(
			&queue->entry[which]
				     [ring->taken & queue->entry_mask[which]],
			memory_order_relaxed);

		renew_notes(&queue->run[number], (ring->taken + 1)
							 << INDEX_BITS);
		queue->open[shared->opens++] = number;
	}
}

static void append(const struct queue *queue, const struct event *event,
		   uint32_t index)
{
	struct shared *shared = queue->shared;

	shared->found++;
	queue->pending[shared->first + shared->count++] =
		(struct pending){ event->stamp_ns, index, event->part,
				  event->slots };
}

/* The event's call is not over: messages of it that come before this one may
 * still be on their way. Of more calls than are noted nothing is held back: what
 * never ends must not hold up the rest. */
static bool is_call_open(const struct shared *shared, uint64_t mark,
			 uint64_t stamp_ns)
{
	for (size_t i = 0; i < shared->calls; i++)
		if (shared->call[i].thread == thread_of(mark) &&
		    shared->call[i].stamp_ns == stamp_ns)
			return true;
	return false;
}

static void note_sent(struct shared *shared, uint64_t mark,
		      const struct event *event)
{
	bool query = !(event->payload[2] & 0x80);

	if (query && event->stamp_ns < shared->oldest_query)
		shared->oldest_query = event->stamp_ns;
	if (shared->calls < CALLS_MAX &&
	    !is_call_open(shared, mark, event->stamp_ns))
		shared->call[shared->calls++] =
			(struct call){ thread_of(mark), event->stamp_ns };
}

/* Returns the slots that need not be looked at again. */
static uint64_t read_slot(struct queue *queue, uint32_t number, size_t slot,
			  uint64_t mark, uint64_t now_ns)
{
	struct shared *shared = queue->shared;
	struct event *event = slot_at(queue, number * RUN_SLOTS + slot);

	switch (state_of(mark)) {
	case MARK_DONE:
		if (event->stamp_ns > now_ns ||
		    is_call_open(shared, mark, event->stamp_ns))
			break;
		append(queue, event, number * RUN_SLOTS + slot);
		return bits(slot, event->slots);
	case MARK_SENT:
		note_sent(shared, mark, event);
		return 0;
	case MARK_LEFT:
		shared->found++;
		queue_count_drop(queue, DROP_ABANDONED, 1);
		/* fall through */
	case MARK_VOID:
		finish_slots(queue, number, bits(slot, 1));
		return bits(slot, 1);
	case MARK_REST:
		finish_slots(queue, number, bits(slot, RUN_SLOTS - slot));
		return bits(slot, RUN_SLOTS - slot);
	case MARK_HELD:
		break;
	default:
		return 0;
	}
	shared->in_ring++;
	return 0;
}

/* Reads what has been committed in a run. Returns true if that is all of it. */
static bool read_run(struct queue *queue, uint32_t number, uint64_t now_ns)
{
	struct notes *run = &queue->run[number].notes;

	for (uint64_t left = ~run->seen; left;) {
		size_t slot = __builtin_ctzll(left);
		/* Acquire: of set_mark and queue_land. */
		uint64_t mark = atomic_load_explicit(
			mark_at(queue, number * RUN_SLOTS + slot),
			memory_order_acquire);
		if (is_free(mark, run->generation))
			break;
		run->seen |= read_slot(queue, number, slot, mark, now_ns);
		left &= ~(run->seen | bits(slot, 1));
	}
	return run->seen == ~0ull;
}

/* In the order of their claims, in which a thread's messages lie. */
static void read_open_runs(struct queue *queue, uint64_t now_ns)
{
	struct shared *shared = queue->shared;
	size_t kept = 0;

	shared->in_ring = shared->calls = 0;
	shared->oldest_query = UINT64_MAX;
	for (size_t i = 0; i < shared->opens; i++) {
		uint32_t number = queue->open[i];

		if (!read_run(queue, number, now_ns))
			queue->open[kept++] = number;
		else if (queue->run[number].notes.done != ~0ull)
			move_run(queue, number);
	}
	shared->opens = kept;
}

/* Looks after a run of which nothing new is to be read just now. */
static void ask_after(const struct queue *queue, uint32_t number)
{
	struct notes *run = &queue->run[number].notes;
	uint64_t flying = 0, mark = 0;
	size_t slot = 0;

	for (; slot < RUN_SLOTS; slot++) {
		_Atomic uint64_t *at =
			mark_at(queue, number * RUN_SLOTS + slot);
		mark = atomic_load_explicit(at, memory_order_relaxed);
		if (is_free(mark, run->generation))
			break;
		if (run->seen & bits(slot, 1) || !is_in_flight(mark))
			continue;
		flying |= bits(slot, 1);
		if (run->old & bits(slot, 1) &&
		    !queue_thread_exists(queue, thread_of(mark)))
			retire(at, mark);
	}
	if (slot < RUN_SLOTS && slot == run->used)
		atomic_compare_exchange_strong(
			mark_at(queue, number * RUN_SLOTS + slot), &mark,
			run->generation | MARK_REST);
	run->old = flying;
	run->used = slot;
}

static void ask(const struct queue *queue, uint64_t now_ns)
{
	struct shared *shared = queue->shared;

	if (now_ns - shared->asked_ns < ASK_NS)
		return;
	shared->asked_ns = now_ns;
	for (size_t i = 0; i < shared->opens; i++)
		ask_after(queue, queue->open[i]);
}

size_t queue_collect(struct queue *queue, uint64_t now_ns)
{
	struct shared *shared = queue->shared;
	size_t before = shared->count;

	/* There is room for twice as many, so that this happens seldom. */
	if (shared->first >= shared->count) {
		memmove(queue->pending, queue->pending + shared->first,
			shared->count * sizeof(*queue->pending));
		shared->first = 0;
	}
	move_runs(queue);
	take_over(queue, 0);
	take_over(queue, 1);
	read_open_runs(queue, now_ns - SETTLE_NS);
	ask(queue, now_ns);
	put_in_order(queue, before);
	return shared->count;
}

size_t queue_collect_last(struct queue *queue, uint64_t now_ns)
{
	queue_collect(queue, now_ns);
	/* Notes what is in flight, and then asks after it. */
	for (int i = 0; i < 2; i++)
		for (size_t run = 0; run < queue->shared->opens; run++)
			ask_after(queue, queue->open[run]);
	return queue_collect(queue, now_ns);
}

struct event *queue_event(const struct queue *queue, size_t index)
{
	return slot_at(queue,
		       queue->pending[queue->shared->first + index].index);
}

void queue_release(struct queue *queue, size_t count)
{
	struct shared *shared = queue->shared;

	for (size_t i = 0; i < count; i++) {
		const struct pending *one = &queue->pending[shared->first + i];
		uint32_t number = one->index / RUN_SLOTS;
		size_t slot = one->index % RUN_SLOTS;
		const struct notes *run = &queue->run[number].notes;

		/* What was held may already be done with. */
		if (!((run->held | run->done) & bits(slot, 1)))
			finish_slots(queue, number, bits(slot, one->slots));
	}
	shared->first += count;
	shared->count -= count;
}

size_t queue_pending(const struct queue *queue)
{
	return queue->shared->count;
}

uint64_t queue_in_ring(const struct queue *queue)
{
	return queue->shared->in_ring;
}

bool queue_awaits(const struct queue *queue, uint64_t stamp_ns)
{
	return queue->shared->oldest_query < stamp_ns;
}

/* Nothing that the consumer has not yet looked after. What has been in flight for long
 * keeps nobody awake, and is noted. */
static bool is_quiet(const struct queue *queue, uint32_t number)
{
	const struct notes *run = &queue->run[number].notes;

	for (size_t slot = 0; slot < RUN_SLOTS; slot++) {
		uint64_t mark =
			atomic_load(mark_at(queue, number * RUN_SLOTS + slot));

		if (is_free(mark, run->generation))
			break;
		if (run->seen & bits(slot, 1))
			continue;
		if (!is_in_flight(mark) || !(run->old & bits(slot, 1)))
			return false;
		queue->shared->in_flight = true;
	}
	return true;
}

static bool is_empty(const struct queue *queue)
{
	struct shared *shared = queue->shared;

	shared->in_flight = false;
	for (int i = 0; i < 2; i++)
		if (atomic_load(&shared->ring[i].head) != shared->ring[i].taken)
			return false;
	for (size_t i = 0; i < shared->opens; i++)
		if (!is_quiet(queue, queue->open[i]))
			return false;
	return !shared->count && !atomic_load(&shared->finish_deadline);
}

/* Another number than the last one's, as who woke it may be late; never 0. */
static uint32_t next_sleep(struct shared *shared)
{
	shared->sleeps += 2;
	return shared->sleeps | 1;
}

bool queue_sleep(struct queue *queue)
{
	if (!is_empty(queue))
		return false;
	/* Whoever produces exchanges a mark and then looks at asleep. Either we
	 * see its mark or it sees that we sleep. */
	atomic_store(&queue->shared->asleep, next_sleep(queue->shared));
	if (is_empty(queue))
		return true;
	queue_awake(queue);
	return false;
}

bool queue_sleeps_lightly(const struct queue *queue)
{
	return queue->shared->in_flight;
}
