/* SPDX-License-Identifier: Apache-2.0
 *
 * A table that is looked through: mostly there are very few.
 */
#include "shim/capture/http/streams.h"

/* Streams have 31 bits. */
#define RESET 0x80000000u

/* Of half bodies the table's owner alone knows; the numbers say nothing about other
 * memory, so they need no order. */
static uint32_t id_of(struct streams *streams, unsigned i)
{
	return atomic_load_explicit(&streams->id[i], memory_order_relaxed);
}

/* What a body with so many octets counts as. */
static size_t cost(size_t size)
{
	return size && size < STREAM_LEAST ? STREAM_LEAST : size;
}

static void clear(struct streams *streams, unsigned i)
{
	streams->kept -= cost(body_size(&streams->half[i].body));
	atomic_store_explicit(&streams->id[i], 0, memory_order_relaxed);
	while (streams->top && !id_of(streams, streams->top - 1))
		streams->top--;
}

struct half *streams_find(struct streams *streams, uint32_t id)
{
	for (unsigned i = 0; i < streams->top; i++)
		if ((id_of(streams, i) & ~RESET) == id)
			return &streams->half[i];
	return NULL;
}

static void drop(struct streams *streams, unsigned i)
{
	clear(streams, i);
	body_spoil(&streams->half[i].body, HTTP_MORE);
}

/* Of what is most likely not to be ended any more, but for the one that its caller has
 * in its hands, the octets go. If it is ended, it counts as lost. */
static void spoil_reset(struct streams *streams, const struct half *but)
{
	for (unsigned i = 0; i < streams->top; i++) {
		struct half *half = &streams->half[i];

		if (!(id_of(streams, i) & RESET) || half == but)
			continue;
		streams->kept -= cost(body_size(&half->body));
		body_spoil(&half->body, HTTP_NO_MEMORY);
	}
}

/* Is there room for a body, of `half`, to grow to so many octets? */
static bool has_room(struct streams *streams, const struct half *half,
		     size_t size)
{
	size_t more = cost(size) - (half ? cost(body_size(&half->body)) : 0);

	if (streams->kept + more > STREAMS_KEPT_MAX)
		spoil_reset(streams, half);
	return streams->kept + more <= STREAMS_KEPT_MAX;
}

static unsigned first_free(struct streams *streams)
{
	unsigned i = 0;

	while (i < STREAMS_MAX && id_of(streams, i))
		i++;
	return i;
}

bool streams_open(struct streams *streams, uint32_t id, const struct half *half)
{
	size_t size = body_size(&half->body);
	unsigned i = first_free(streams);

	if (i == STREAMS_MAX || !has_room(streams, NULL, size))
		return false;
	streams->half[i] = *half;
	streams->kept += cost(size);
	atomic_store_explicit(&streams->id[i], id, memory_order_relaxed);
	if (streams->top <= i)
		streams->top = i + 1;
	return true;
}

void streams_add(struct streams *streams, struct half *half,
		 struct octets *octets, size_t size)
{
	size_t have = body_size(&half->body);

	if (!half->body.fault && !has_room(streams, half, have + size))
		body_spoil(&half->body, HTTP_NO_MEMORY);
	body_add(&half->body, octets, size);
	streams->kept += cost(body_size(&half->body)) - cost(have);
}

void streams_close(struct streams *streams, struct half *half)
{
	clear(streams, half - streams->half);
}

void streams_cut(struct streams *streams, uint32_t id)
{
	struct half *half = streams_find(streams, id);

	if (half)
		drop(streams, half - streams->half);
}

bool streams_evict(struct streams *streams)
{
	unsigned oldest = STREAMS_MAX;

	if (first_free(streams) != STREAMS_MAX)
		return false;
	for (unsigned i = 0; i < STREAMS_MAX; i++)
		if (id_of(streams, i) & RESET &&
		    (oldest == STREAMS_MAX ||
		     id_of(streams, i) < id_of(streams, oldest)))
			oldest = i;
	if (oldest == STREAMS_MAX)
		return false;
	drop(streams, oldest);
	return true;
}

void streams_reset(struct streams *streams, uint32_t id)
{
	for (unsigned i = 0; i < STREAMS_MAX; i++) {
		uint32_t found = id;
		if (id_of(streams, i) == id)
			atomic_compare_exchange_strong_explicit(
				&streams->id[i], &found, id | RESET,
				memory_order_relaxed, memory_order_relaxed);
	}
}

bool streams_is_reset(struct streams *streams, const struct half *half)
{
	return id_of(streams, half - streams->half) & RESET;
}

void streams_drop(struct streams *streams)
{
	while (streams->top)
		drop(streams, streams->top - 1);
}
