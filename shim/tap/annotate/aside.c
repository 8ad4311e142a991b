/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies, one behind the other in the order in which they came.
 */
#include "shim/tap/annotate/aside.h"

#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/map.h"

/* Of all copies: so many of usual size, or a few of the longest. */
#define OCTETS (256 * 1024)

/* What is sent over TCP gets into the queue when it has been sent: so long a
 * thread may take for it. */
#define STAGED_NS ((int64_t)(50 * NS_PER_MS))

/* From here on room is left for what is likely to have a query. */
#define LITTLE (ASIDE_MESSAGES / 4)

struct entry {
	struct event *origin; /* what it is a copy of */
	uint64_t transaction;
	size_t size;  /* of the event's copy */
	bool settles; /* no query of its is in flight any more */
	bool ready;
};

struct aside {
	size_t count, used;
	struct entry entry[ASIDE_MESSAGES];
	_Alignas(struct event) uint8_t octets[OCTETS];
};

struct aside *aside_new(void)
{
	return map_new(sizeof(struct aside));
}

void aside_free(struct aside *aside)
{
	map_free(aside, sizeof(*aside));
}

size_t aside_count(const struct aside *aside)
{
	return aside->count;
}

enum aside_room aside_room(const struct aside *aside)
{
	if (aside->count < LITTLE)
		return ASIDE_PLENTY;
	return aside->count < ASIDE_MESSAGES ? ASIDE_LITTLE : ASIDE_NONE;
}

static size_t size_of(const struct event *event)
{
	size_t size = sizeof(*event) + event_octets(event);

	return size + -size % _Alignof(struct event);
}

bool aside_put(struct aside *aside, struct event *event, uint64_t transaction)
{
	size_t size = size_of(event);

	if (aside->count == ASIDE_MESSAGES || size > OCTETS - aside->used)
		return false;
	memcpy(aside->octets + aside->used, event,
	       sizeof(*event) + event_octets(event));
	aside->used += size;
	aside->entry[aside->count++] = (struct entry){
		.origin = event, .transaction = transaction, .size = size
	};
	return true;
}

void aside_query(struct aside *aside, uint64_t transaction)
{
	for (size_t i = 0; i < aside->count; i++)
		aside->entry[i].ready |=
			aside->entry[i].transaction == transaction;
}

static struct event *at(struct aside *aside, size_t offset)
{
	return (struct event *)(aside->octets + offset);
}

bool aside_waits(const struct queue *queue, const struct event *event,
		 uint64_t now_ns)
{
	const unsigned ours = EVENT_TCP | EVENT_SENT | EVENT_SERVES;
	int64_t age = now_ns - event->stamp_ns; /* it may have come since */

	return queue_awaits(queue, event->stamp_ns) ||
	       ((event->flags & ours) == EVENT_TCP && age < STAGED_NS);
}

void aside_look(struct aside *aside, const struct queue *queue, uint64_t now_ns,
		bool ending)
{
	size_t offset = 0;

	for (size_t i = 0; i < aside->count; i++) {
		struct entry *entry = &aside->entry[i];

		if (ending || !aside_waits(queue, at(aside, offset), now_ns))
			entry->settles = true;
		offset += entry->size;
	}
}

bool aside_settle(struct aside *aside)
{
	bool any = false;

	for (size_t i = 0; i < aside->count; i++)
		any |= aside->entry[i].ready |= aside->entry[i].settles;
	return any;
}

struct event *aside_ready(struct aside *aside)
{
	size_t offset = 0;

	for (size_t i = 0; i < aside->count; i++) {
		if (aside->entry[i].ready)
			return at(aside, offset);
		offset += aside->entry[i].size;
	}
	return aside->count == ASIDE_MESSAGES ? at(aside, 0) : NULL;
}

/* Which one it is; and where. */
static size_t find(struct aside *aside, const struct event *event,
		   size_t *offset)
{
	size_t i = 0;

	for (*offset = 0; at(aside, *offset) != event; i++)
		*offset += aside->entry[i].size;
	return i;
}

struct event *aside_origin(struct aside *aside, const struct event *event)
{
	size_t offset;

	return aside->entry[find(aside, event, &offset)].origin;
}

void aside_drop(struct aside *aside, const struct event *event)
{
	size_t offset, i = find(aside, event, &offset);

	size_t size = aside->entry[i].size;
	aside->used -= size;
	aside->count--;
	memmove(aside->octets + offset, aside->octets + offset + size,
		aside->used - offset);
	memmove(&aside->entry[i], &aside->entry[i + 1],
		(aside->count - i) * sizeof(*aside->entry));
}
