/* SPDX-License-Identifier: Apache-2.0
 *
 * Pending events are put in the order of their times; what comes in is a few runs,
 * each nearly in order.
 */
#include "shim/queue/ring.h"

#include <string.h>

static bool belongs_before(const struct pending *a, const struct pending *b)
{
	if (a->stamp_ns != b->stamp_ns)
		return a->stamp_ns < b->stamp_ns;
	return (int16_t)(a->part - b->part) < 0;
}

static size_t sorted_from(const struct pending *list, size_t at, size_t count)
{
	if (at < count)
		at++;
	while (at < count && !belongs_before(&list[at], &list[at - 1]))
		at++;
	return at;
}

/* Merges two sorted neighbours, from the end: mostly little is to be moved. */
static void merge(struct pending *list, size_t middle, size_t end,
		  struct pending *scratch)
{
	size_t moved = end - middle, left = middle;

	if (!moved || !left ||
	    !belongs_before(list + middle, list + middle - 1))
		return;
	memcpy(scratch, list + middle, moved * sizeof(*list));
	while (moved)
		if (left &&
		    belongs_before(&scratch[moved - 1], &list[left - 1]))
			list[--end] = list[--left];
		else
			list[--end] = scratch[--moved];
}

/* Merges neighbours until all is one. */
static void sort(struct pending *list, size_t count, struct pending *scratch)
{
	size_t middle, end;

	while ((middle = sorted_from(list, 0, count)) < count)
		for (size_t at = 0; at < count; at = end) {
			middle = sorted_from(list, at, count);
			end = sorted_from(list, middle, count);
			merge(list + at, middle - at, end - at, scratch);
		}
}

void put_in_order(const struct queue *queue, size_t before)
{
	struct pending *list = queue->pending + queue->shared->first;
	size_t count = queue->shared->count;

	sort(list + before, count - before, queue->scratch);
	merge(list, before, count, queue->scratch);
}
