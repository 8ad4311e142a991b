/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring of slots, its lanes and runs, and the consumer's ordering.
 *
 * A position is a lap of the ring and the index of a slot in it, in one number
 * that only grows. A run is RUN_SLOTS slots at a multiple of RUN_SLOTS.
 *
 *   producer                                   consumer
 *   lane->open: next free slot of its run      cursor of each run in use
 *   head: next unclaimed run          <------  tail: oldest run in use
 *   mark[slot] = position + 1         ------>  reads the event behind the mark
 *
 * A mark is unique to its lap, so marks need no clearing, and they lie apart
 * from the slots, so that no payload can be taken for one.
 *
 * When the consumer has emptied the ring it winds it back to slot 0. However
 * large a queue is, only what is in use at one time takes memory.
 */
#include "shim/queue.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/thread.h"

#define SLOT_SIZE (sizeof(struct event) + QUEUE_SLOT_PAYLOAD)
#define RUN_SLOTS 16
#define LANES     64
#define CACHELINE 64

/* The longest message may begin in the last slot: it runs over the ring's end
 * into slots that exist for nothing else. */
#define OVERRUN_SLOTS (EVENT_PAYLOAD_MAX / SLOT_SIZE + 1)

/* A position's lower bits: the index. The bits above, but for MARK_REST_VOID,
 * count laps: enough for years of a million messages a second. */
#define INDEX_BITS 26
#define LAP        (1ull << INDEX_BITS)

/* An empty ring is wound back from this index on: so far that the lines of the
 * last lap have left the consumer's caches, from which it costs most to take
 * them. */
#define REWIND_SLOTS 8192

/* So far ahead of what is written. */
#define FETCH_SLOTS 2

/* In a mark: no more events in this run. */
#define MARK_REST_VOID (1ull << 63)

/* Likewise: no message here. */
#define MARK_VOID (1ull << 62)

/* A time this little ahead of `now` is that of a younger event, even if the
 * consumer was held up for long; further ahead it is that of an event from before
 * the clock was set back. */
#define YOUNG_NS NS_PER_S

/* Nothing is this long on its way into the queue: an event that is so much older
 * than the one before it was stamped by a clock that has been set back. */
#define DISORDER_NS NS_PER_S

/* A claimed slot that stays uncommitted this long at the tail belonged to a
 * thread that jumped out of the library or was cancelled in it. */
#define ABANDONED_NS (10 * NS_PER_S)

_Static_assert(SLOT_SIZE % CACHELINE == 0, "slots share no cache line");
_Static_assert(RUN_SLOTS * 8 % CACHELINE == 0, "runs share no line of marks");

struct lane {
	_Alignas(2 * CACHELINE) _Atomic uint64_t open;
};

/* What the consumer knows of a run. */
struct run {
	uint64_t cursor;  /* position up to which it has been read */
	uint32_t pending; /* events read, but not released */
};

struct pending {
	uint64_t stamp_ns;
	struct event *event;
};

struct queue {
	/* Constant after queue_new. */
	size_t slots; /* a multiple of RUN_SLOTS */
	size_t capacity;
	size_t mapped; /* octets of the whole mapping */
	uint8_t *slot;
	_Atomic uint64_t *mark;
	struct run *run;
	struct pending *pending;

	/* Read by every producer, written when the consumer goes to sleep. */
	_Alignas(2 * CACHELINE) _Atomic uint32_t asleep;
	_Atomic pid_t process, thread;
	_Atomic bool refused;

	/* Written by producers, once a run. */
	_Alignas(2 * CACHELINE) _Atomic uint64_t head;

	/* Written by the consumer. */
	_Alignas(2 * CACHELINE) _Atomic uint64_t tail;
	size_t first, count; /* of pending */
	uint64_t hole, hole_since;

	_Alignas(2 * CACHELINE) _Atomic uint64_t dropped[DROP_CAUSE_COUNT];
	_Atomic uint64_t finish_deadline;
	_Atomic uint32_t done;

	struct lane lane[LANES];
};

static size_t slots_for(size_t size)
{
	return (offsetof(struct event, payload) + size + SLOT_SIZE - 1) /
	       SLOT_SIZE;
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static uint64_t index_of(uint64_t position)
{
	return position % LAP;
}

/* The position `slots` behind another, the next lap's first if the ring ends
 * before. */
static uint64_t behind(const struct queue *queue, uint64_t position,
		       size_t slots)
{
	position += slots;
	return index_of(position) < queue->slots
		       ? position
		       : position - index_of(position) + LAP;
}

/* Slots between the two. Winding back leaves a lap out, so that whoever sees
 * the new head beside the old tail can tell: all before it is free. */
static uint64_t slots_used(const struct queue *queue, uint64_t head,
			   uint64_t tail)
{
	uint64_t laps = head / LAP - tail / LAP;

	if (laps >= 2)
		return (laps - 2) * queue->slots + index_of(head);
	return laps * queue->slots + index_of(head) - index_of(tail);
}

static struct event *slot_at(const struct queue *queue, uint64_t position)
{
	return (struct event *)(queue->slot + index_of(position) * SLOT_SIZE);
}

static _Atomic uint64_t *mark_at(const struct queue *queue, uint64_t position)
{
	return &queue->mark[index_of(position)];
}

static struct run *run_at(const struct queue *queue, uint64_t position)
{
	return &queue->run[index_of(position) / RUN_SLOTS];
}

struct queue *queue_new(size_t messages)
{
	/* Every lane may hold a run of which little is used. */
	size_t slots = round_up(messages, RUN_SLOTS) + LANES * RUN_SLOTS;
	size_t at_mark = round_up(sizeof(struct queue), CACHELINE);
	size_t at_run = at_mark + slots * sizeof(uint64_t);
	size_t at_pending = at_run + slots / RUN_SLOTS * sizeof(struct run);
	size_t at_slot =
		round_up(at_pending + 2 * slots * sizeof(struct pending), 4096);
	size_t size = at_slot + (slots + OVERRUN_SLOTS) * SLOT_SIZE;

	if (slots + OVERRUN_SLOTS >= LAP)
		return NULL;
	/* Shared, because RLIMIT_DATA bounds private memory, and tinydns runs
	 * under one of a few megabytes. Not reserved: a queue may be larger
	 * than the machine, as long as it is never full. */
	uint8_t *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	madvise(base, size, MADV_DONTFORK);
	madvise(base, size, MADV_DONTDUMP);

	struct queue *queue = (struct queue *)base;
	queue->slots = slots;
	queue->capacity = messages;
	queue->mapped = size;
	queue->mark = (_Atomic uint64_t *)(base + at_mark);
	queue->run = (struct run *)(base + at_run);
	queue->pending = (struct pending *)(base + at_pending);
	queue->slot = base + at_slot;
	return queue;
}

void queue_free(struct queue *queue)
{
	if (queue)
		munmap(queue, queue->mapped);
}

/* Producers */

static struct lane *this_lane(struct queue *queue)
{
	static _Atomic uint8_t next;

	if (!thread_state.lane)
		thread_state.lane =
			1 + atomic_fetch_add_explicit(&next, 1,
						      memory_order_relaxed) %
				    LANES;
	return &queue->lane[thread_state.lane - 1];
}

static void wake(struct queue *queue)
{
	int saved = errno;

	/* A sandbox that the host has entered may forbid it. */
	if (syscall(SYS_tgkill, queue->process, queue->thread,
		    QUEUE_WAKE_SIGNAL) &&
	    (errno == EPERM || errno == EACCES || errno == ENOSYS))
		atomic_store(&queue->refused, true);
	errno = saved;
}

/* Claims `slots` slots, a multiple of RUN_SLOTS, from the ring. The exchange is
 * sequentially consistent: queue_sleep relies on it. */
static bool claim(struct queue *queue, size_t slots, uint64_t *position)
{
	/* Acquire, also where the exchange fails: the tail below is no older
	 * than this head. */
	uint64_t head =
		atomic_load_explicit(&queue->head, memory_order_acquire);
	uint64_t used;

	do {
		/* Acquire: the consumer has read what the slots held
		 * (release_runs). */
		used = slots_used(queue, head,
				  atomic_load_explicit(&queue->tail,
						       memory_order_acquire));
		/* Less than nothing is used where the tail has overtaken this
		 * head; the exchange then brings a newer one. */
		if ((int64_t)used >= 0 && used + slots > queue->slots)
			return false;
	} while (!atomic_compare_exchange_weak(&queue->head, &head,
					       behind(queue, head, slots)));
	/* Should the host have discarded the signal that was to wake the
	 * consumer, it is woken when half of the queue is used. */
	if (used > queue->slots / 2 && index_of(head) / RUN_SLOTS % 64 == 0)
		wake(queue);
	*position = head;
	return true;
}

/* Nobody will use the rest of the run that `open` points into. */
static void void_rest(struct queue *queue, uint64_t open)
{
	if (open % RUN_SLOTS)
		atomic_store_explicit(mark_at(queue, open),
				      (open + 1) | MARK_REST_VOID,
				      memory_order_release);
}

/* Returns false when the queue is full. */
static bool reserve_slots(struct queue *queue, struct lane *lane, size_t slots,
			  uint64_t *position)
{
	uint64_t open = atomic_load_explicit(&lane->open, memory_order_relaxed);

	while (open % RUN_SLOTS && RUN_SLOTS - open % RUN_SLOTS >= slots) {
		if (atomic_compare_exchange_weak(&lane->open, &open,
						 open + slots)) {
			*position = open;
			return true;
		}
	}
	if (!claim(queue, round_up(slots, RUN_SLOTS), position))
		return false;
	if (slots < RUN_SLOTS)
		void_rest(queue,
			  atomic_exchange(&lane->open, *position + slots));
	return true;
}

/* Takes a cache line that will be written soon from whoever has it. */
static void fetch_to_write(const uint8_t *line)
{
#if defined(__x86_64__)
	/* The compiler's own fetches it to be read, unless told more of the
	 * processor; one that does not know the instruction does nothing. */
	__asm__ volatile("prefetchw %0" : : "m"(*line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/* The consumer was the last to read the slots ahead: the one after next is
 * fetched, as far as a message of this size goes, unless its run is another
 * thread's. */
static void fetch_ahead(struct queue_room room, size_t size)
{
	const uint8_t *ahead = (uint8_t *)room.event + FETCH_SLOTS * SLOT_SIZE;

	if (room.position % RUN_SLOTS + FETCH_SLOTS >= RUN_SLOTS ||
	    size > QUEUE_SLOT_PAYLOAD)
		return;
	for (size_t at = 0; at < sizeof(struct event) + size; at += CACHELINE)
		fetch_to_write(ahead + at);
}

struct queue_room queue_reserve(struct queue *queue, size_t size)
{
	struct queue_room room = { NULL, 0 };
	struct lane *lane = this_lane(queue);

	if (!reserve_slots(queue, lane, slots_for(size), &room.position)) {
		queue_count_drop(queue, DROP_QUEUE_FULL, 1);
		return room;
	}
	room.event = slot_at(queue, room.position);
	fetch_ahead(room, size);
	room.event->size = size;
	room.event->part = lane - queue->lane;
	return room;
}

void queue_commit(struct queue *queue, struct queue_room room)
{
	/* Release: read_run sees the event behind the mark. */
	atomic_store_explicit(mark_at(queue, room.position), room.position + 1,
			      memory_order_release);
	if (atomic_load_explicit(&queue->asleep, memory_order_seq_cst) &&
	    atomic_exchange(&queue->asleep, 0))
		wake(queue);
}

struct queue_room queue_room_at(struct queue *queue, uint64_t position)
{
	return (struct queue_room){ slot_at(queue, position), position };
}

void queue_void(struct queue *queue, struct queue_room room)
{
	atomic_store_explicit(mark_at(queue, room.position),
			      (room.position + 1) | MARK_VOID,
			      memory_order_release);
}

void queue_count_drop(struct queue *queue, enum drop_cause cause, uint64_t n)
{
	atomic_fetch_add_explicit(&queue->dropped[cause], n,
				  memory_order_relaxed);
}

/* The consumer */

static bool is_young(uint64_t stamp_ns, uint64_t now_ns)
{
	return stamp_ns > now_ns && stamp_ns - now_ns < YOUNG_NS;
}

static void append(struct queue *queue, struct event *event)
{
	struct pending *pending = &queue->pending[queue->first + queue->count];

	pending->stamp_ns = event->stamp_ns;
	pending->event = event;
	queue->count++;
}

/* The position of the run behind the one at `start`. */
static uint64_t next_run(const struct queue *queue, uint64_t start)
{
	uint64_t read = run_at(queue, start)->cursor - start;

	return behind(queue, start,
		      read ? round_up(read, RUN_SLOTS) : RUN_SLOTS);
}

/* Reads the run at `start` as far as it is committed and not younger than
 * `now_ns`. Returns the position of the run behind it. */
static uint64_t read_run(struct queue *queue, uint64_t start, uint64_t now_ns)
{
	struct run *run = run_at(queue, start);

	if (run->cursor < start)
		run->cursor = start;
	while (run->cursor < start + RUN_SLOTS) {
		/* Acquire: of queue_commit and void_rest. */
		uint64_t mark = atomic_load_explicit(
			mark_at(queue, run->cursor), memory_order_acquire);
		if (mark == ((run->cursor + 1) | MARK_REST_VOID)) {
			run->cursor = start + RUN_SLOTS;
			break;
		}
		struct event *event = slot_at(queue, run->cursor);
		if (mark == ((run->cursor + 1) | MARK_VOID)) {
			run->cursor += slots_for(event->size);
			continue;
		}
		if (mark != run->cursor + 1)
			break;
		if (is_young(event->stamp_ns, now_ns))
			break;
		append(queue, event);
		run->pending++;
		run->cursor += slots_for(event->size);
	}
	return next_run(queue, start);
}

static bool belongs_before(uint64_t stamp_ns, uint64_t other_ns)
{
	return stamp_ns < other_ns && other_ns - stamp_ns < DISORDER_NS;
}

/* What came in is nearly in order already: a few sorted runs, interleaved. */
static void sort_from(struct queue *queue, size_t sorted)
{
	struct pending *list = queue->pending + queue->first;

	for (size_t i = sorted ? sorted : 1; i < queue->count; i++) {
		struct pending moved = list[i];
		size_t at = i;

		for (; at &&
		       belongs_before(moved.stamp_ns, list[at - 1].stamp_ns);
		     at--)
			list[at] = list[at - 1];
		list[at] = moved;
	}
}

size_t queue_collect(struct queue *queue, uint64_t now_ns)
{
	size_t before = queue->count;
	uint64_t tail =
		atomic_load_explicit(&queue->tail, memory_order_relaxed);
	/* Acquire, after `now_ns` was taken: every event that was committed
	 * before then lies in a run that is walked. */
	uint64_t head =
		atomic_load_explicit(&queue->head, memory_order_acquire);

	/* There is room for twice as many, so that this happens seldom. */
	if (queue->first >= queue->count) {
		memmove(queue->pending, queue->pending + queue->first,
			queue->count * sizeof(*queue->pending));
		queue->first = 0;
	}
	while (tail != head)
		tail = read_run(queue, tail, now_ns);
	sort_from(queue, before);
	return queue->count;
}

struct event *queue_event(const struct queue *queue, size_t index)
{
	return queue->pending[queue->first + index].event;
}

/* True if no producer will add to the run at `start`, all of it read. */
static bool close_run(struct queue *queue, uint64_t start)
{
	struct run *run = run_at(queue, start);
	uint64_t open = run->cursor;

	if (open >= start + RUN_SLOTS)
		return true;
	if (open <= start)
		return false; /* its first slot is still being filled */
	/* Modulo: an abandoned slot may hold anything. */
	struct lane *lane = &queue->lane[slot_at(queue, start)->part % LANES];
	if (!atomic_compare_exchange_strong(&lane->open, &open,
					    start + RUN_SLOTS))
		return false;
	run->cursor = start + RUN_SLOTS;
	return true;
}

/* A producer that left in the middle would block the ring for good. */
static void skip_abandoned(struct queue *queue, uint64_t start)
{
	struct run *run = run_at(queue, start);
	uint64_t now = clock_steady();

	if (run->cursor < start)
		run->cursor = start;
	if (queue->hole != run->cursor + 1) {
		queue->hole = run->cursor + 1;
		queue->hole_since = now;
	} else if (now - queue->hole_since > ABANDONED_NS) {
		run->cursor++;
		queue_count_drop(queue, DROP_ABANDONED, 1);
	}
}

/* Whoever claims meanwhile sees the old head and makes the exchange fail, or the
 * new one, beside either tail (slots_used). */
static void rewind_empty(struct queue *queue, uint64_t tail)
{
	uint64_t start = tail - index_of(tail) + 2 * LAP;

	if (index_of(tail) >= REWIND_SLOTS &&
	    atomic_compare_exchange_strong(&queue->head, &tail, start))
		atomic_store_explicit(&queue->tail, start,
				      memory_order_release);
}

static void release_runs(struct queue *queue)
{
	uint64_t tail =
		atomic_load_explicit(&queue->tail, memory_order_relaxed);
	uint64_t head =
		atomic_load_explicit(&queue->head, memory_order_acquire);

	while (tail != head) {
		struct run *run = run_at(queue, tail);

		if (run->pending)
			break;
		if (!close_run(queue, tail)) {
			skip_abandoned(queue, tail);
			break;
		}
		tail = next_run(queue, tail);
		/* Release: what the slots held has been read (claim). */
		atomic_store_explicit(&queue->tail, tail, memory_order_release);
	}
	if (tail == head)
		rewind_empty(queue, tail);
}

void queue_release(struct queue *queue, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t *slot =
			(uint8_t *)queue->pending[queue->first + i].event;
		size_t index = (slot - queue->slot) / SLOT_SIZE;

		queue->run[index / RUN_SLOTS].pending--;
	}
	queue->first += count;
	queue->count -= count;
	release_runs(queue);
}

size_t queue_pending(const struct queue *queue)
{
	return queue->count;
}

size_t queue_capacity(const struct queue *queue)
{
	return queue->capacity;
}

uint64_t queue_dropped(const struct queue *queue, enum drop_cause cause)
{
	return atomic_load_explicit(&queue->dropped[cause],
				    memory_order_relaxed);
}

/* Sleeping and finishing */

void queue_attend(struct queue *queue, pid_t process, pid_t thread)
{
	queue->process = process;
	queue->thread = thread;
}

bool queue_sleep(struct queue *queue)
{
	uint64_t tail =
		atomic_load_explicit(&queue->tail, memory_order_relaxed);

	if (queue->count || atomic_load(&queue->head) != tail)
		return false;
	/* Every run is closed, so a producer has to claim one: an exchange of
	 * head, and behind it a look at asleep. Either we see its claim or it
	 * sees that we sleep. */
	atomic_store(&queue->asleep, 1);
	if (atomic_load(&queue->head) == tail &&
	    !atomic_load(&queue->finish_deadline))
		return true;
	queue_awake(queue);
	return false;
}

bool queue_wakes(const struct queue *queue)
{
	return !atomic_load_explicit(&queue->refused, memory_order_relaxed);
}

void queue_awake(struct queue *queue)
{
	atomic_store_explicit(&queue->asleep, 0, memory_order_relaxed);
}

void queue_finish(struct queue *queue, uint64_t deadline_ns)
{
	atomic_store(&queue->finish_deadline, deadline_ns);
	wake(queue);
}

uint64_t queue_finish_deadline(const struct queue *queue)
{
	return atomic_load(&queue->finish_deadline);
}

void queue_finished(struct queue *queue)
{
	atomic_store(&queue->done, 1);
	syscall(SYS_futex, &queue->done, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

bool queue_reopen(struct queue *queue)
{
	if (!atomic_load(&queue->done))
		return false;
	atomic_store(&queue->finish_deadline, 0);
	atomic_store(&queue->done, 0);
	return true;
}

void queue_await_finished(struct queue *queue, uint64_t deadline_ns)
{
	uint64_t now;

	while (!atomic_load(&queue->done) &&
	       (now = clock_steady()) < deadline_ns) {
		uint64_t left = deadline_ns - now;
		struct timespec timeout = { left / NS_PER_S, left % NS_PER_S };

		syscall(SYS_futex, &queue->done, FUTEX_WAIT, 0, &timeout, NULL,
			0);
	}
}
