/* SPDX-License-Identifier: Apache-2.0
 *
 * The consumer moves the queue's runs into a file, one by one, while producers go
 * on: a run in which every slot is taken, and none is in flight, is written by
 * nobody but the consumer until it is offered again. So runs that a lane has open
 * are closed, and free ones go by the consumer as if they had been used.
 */
#include "shim/queue/ring.h"

#include <sys/mman.h>
#include <unistd.h>

/* Free runs of a ring that move at a time: they are missed as long as that takes. */
#define STEP 32

uint64_t queue_file_size(const struct queue *queue)
{
	return queue->runs * sizeof(struct run);
}

bool queue_moves(const struct queue *queue)
{
	return queue->move.fd >= 0;
}

size_t queue_unmoved(const struct queue *queue)
{
	return queue_moves(queue) ? queue->move.unmoved : 0;
}

static bool has_moved(const struct queue *queue, uint32_t number)
{
	return queue->home[number] == queue->move.count;
}

/* Whoever goes on in it finds no free slot, and claims another run. */
static void close_run(const struct queue *queue, uint32_t number)
{
	struct run *run = &queue->run[number];

	for (size_t slot = 0; slot < RUN_SLOTS; slot++) {
		uint64_t mark = atomic_load(&run->mark[slot]);

		while (is_free(mark, run->notes.generation))
			if (atomic_compare_exchange_weak(
				    &run->mark[slot], &mark,
				    run->notes.generation | MARK_REST))
				return;
	}
}

/* The run that would be claimed next of a ring, if there is one. */
static uint32_t next_run(const struct queue *queue, int which)
{
	uint64_t head = atomic_load_explicit(&queue->shared->ring[which].head,
					     memory_order_relaxed);

	return atomic_load_explicit(
		&queue->entry[which][head & queue->entry_mask[which]],
		memory_order_relaxed);
}

void move_runs(struct queue *queue)
{
	if (!queue_unmoved(queue))
		return;
	for (size_t i = 0; i < queue->shared->opens; i++)
		if (!has_moved(queue, queue->open[i]))
			close_run(queue, queue->open[i]);
	/* What has been offered since has moved. */
	for (int which = 0; which < 2; which++)
		for (size_t i = 0; i < STEP; i++) {
			uint32_t number = next_run(queue, which);

			if (has_moved(queue, number) ||
			    !claim_unused(queue, which))
				break;
		}
}

/* Octets of the run that have been written. */
static size_t used(const struct run *run)
{
	size_t slots = 0;

	while (slots < RUN_SLOTS &&
	       state_of(atomic_load(&run->mark[slots])) != MARK_REST)
		slots++;
	return offsetof(struct run, slot) + slots * SLOT_SIZE;
}

/* The memory that is replaced by the file's has the same in it. */
static bool move_to(void *place, size_t copied, int fd, uint64_t offset)
{
	if (pwrite(fd, place, copied, offset) != (ssize_t)copied ||
	    mmap(place, sizeof(struct run), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, offset) == MAP_FAILED)
		return false;
	madvise(place, sizeof(struct run), MADV_DONTFORK);
	madvise(place, sizeof(struct run), MADV_DONTDUMP);
	return true;
}

void move_run(struct queue *queue, uint32_t number)
{
	struct move *move = &queue->move;
	struct run *run = &queue->run[number];

	if (!queue_unmoved(queue) || has_moved(queue, number))
		return;
	if (!move_to(run, used(run), move->fd,
		     move->offset + number * sizeof(*run))) {
		move->fd = -1; /* the others stay */
		return;
	}
	queue->home[number] = move->count;
	move->unmoved--;
}

/* Of all that is held, and will not be sent. */
static void let_all(struct queue *queue)
{
	for (uint32_t number = 0; number < queue->runs; number++) {
		const struct run *run = &queue->run[number];

		for (size_t slot = 0; slot < RUN_SLOTS; slot++)
			if (run->notes.held & bits(slot, 1))
				queue_let(queue,
					  slot_at(queue,
						  number * RUN_SLOTS + slot));
	}
}

void queue_move(struct queue *queue, int fd, uint64_t offset, uint64_t order)
{
	let_all(queue);
	queue->move = (struct move){
		.count = queue->move.count + (fd >= 0),
		.fd = fd,
		.offset = offset,
		.unmoved = queue->runs,
		.order = order,
		.sent = order,
	};
}

void queue_empty(const struct queue *queue)
{
	/* Shared, as in ring.c, because of RLIMIT_DATA. */
	mmap(queue->run, queue->runs * sizeof(*queue->run),
	     PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static bool is_in_use(const struct run *run)
{
	for (size_t slot = 0; slot < RUN_SLOTS; slot++)
		if (is_in_flight(atomic_load(&run->mark[slot])))
			return true;
	return false;
}

void queue_give_back(const struct queue *queue)
{
	for (size_t i = 0; i < queue->shared->opens; i++)
		if (is_in_use(&queue->run[queue->open[i]]))
			return;
	queue_empty(queue);
}

/* What is held */

static struct run *run_of(const struct queue *queue, const struct event *event,
			  size_t *slot)
{
	size_t index = index_of(queue, event);

	*slot = index % RUN_SLOTS;
	return &queue->run[index / RUN_SLOTS];
}

void queue_hold(struct queue *queue, const struct event *event)
{
	size_t slot;
	struct run *run = run_of(queue, event, &slot);

	run->notes.held |= bits(slot, 1);
}

void queue_sending(struct queue *queue, struct event *event, uint32_t octets)
{
	struct move *move = &queue->move;
	size_t slot;
	struct run *run = run_of(queue, event, &slot);

	run->octets[slot] = octets;
	/* Whoever reads the file heeds the octets of what is numbered. */
	atomic_signal_fence(memory_order_seq_cst);
	run->notes.held |= bits(slot, 1);
	queue->sending[move->order++ % (queue->runs * RUN_SLOTS)] = event;
	run->order[slot] = move->order;
}

void queue_let(struct queue *queue, const struct event *event)
{
	size_t slot;
	struct run *run = run_of(queue, event, &slot);

	run->notes.held &= ~bits(slot, 1);
	finish_slots(queue, run - queue->run, bits(slot, event->slots));
}

void queue_sent(struct queue *queue, uint64_t total)
{
	struct move *move = &queue->move;

	while (move->sent < total && move->sent < move->order)
		queue_let(queue, queue->sending[move->sent++ %
						(queue->runs * RUN_SLOTS)]);
}
