/* SPDX-License-Identifier: Apache-2.0
 *
 * How many messages have crossed, and how many of them were lost. Producers count in
 * their lanes, each its own; the consumer sums up, and counts what it finds by itself.
 */
#include "shim/queue/ring.h"

void queue_count_drop(struct queue *queue, enum drop_cause cause, uint64_t n)
{
	atomic_fetch_add_explicit(&queue->shared->dropped[cause], n,
				  memory_order_relaxed);
}

void queue_count_lost(struct queue *queue, enum drop_cause cause, uint64_t n)
{
	atomic_fetch_add_explicit(&queue->shared->lost[cause], n,
				  memory_order_relaxed);
}

uint64_t queue_dropped(const struct queue *queue, enum drop_cause cause)
{
	const struct shared *shared = queue->shared;

	return atomic_load_explicit(&shared->dropped[cause],
				    memory_order_relaxed) +
	       atomic_load_explicit(&shared->lost[cause], memory_order_relaxed);
}

/* What has never got in. */
static uint64_t lost_in_all(const struct queue *queue)
{
	uint64_t sum = 0;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		sum += atomic_load_explicit(&queue->shared->lost[cause],
					    memory_order_relaxed);
	return sum;
}

uint64_t queue_counted(const struct queue *queue)
{
	uint64_t sum = lost_in_all(queue);

	for (size_t i = 0; i < LANES; i++)
		for (size_t k = 0; k <= THREAD_CALLS_MAX; k++)
			sum += atomic_load_explicit(
				&queue->shared->lane[i].counted[k],
				memory_order_relaxed);
	return sum;
}

/* A thread that is gone may not have counted what it had reserved: it is found all
 * the same. */
uint64_t queue_captured(const struct queue *queue)
{
	const struct shared *shared = queue->shared;
	uint64_t counted = queue_counted(queue);
	uint64_t found = shared->found + shared->in_ring + lost_in_all(queue);

	return counted > found ? counted : found;
}
