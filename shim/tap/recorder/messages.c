/* SPDX-License-Identifier: Apache-2.0
 *
 * Which slots of an image begin a message, and what had become of it.
 */
#include "shim/tap/recorder/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/queue/ring.h"

/* The life of the run that was the last to begin. Whatever is older was done with
 * before the run could be used again. */
static uint64_t newest_generation(const struct run *run)
{
	uint64_t newest = generation_of(run->notes.generation);

	for (size_t slot = 0; slot < RUN_SLOTS; slot++)
		if (is_free(newest, run->mark[slot]))
			newest = generation_of(run->mark[slot]);
	return newest;
}

/* The octets in the slot are those of the mark, all of them and nothing else's:
 * every slot that the message takes says so. It may have had to do with fewer when a
 * proxy's header was taken off it, in place. */
static bool is_whole(const struct run *run, size_t slot)
{
	const struct event *event = (const void *)run->slot[slot];
	uint64_t more = with_state(run->mark[slot], MARK_MORE);

	if (event->size < EVENT_PAYLOAD_MIN || event->size > EVENT_SIZE_MAX ||
	    event_octets(event) > EVENT_OCTETS_MAX ||
	    event->slots < slots_for(event_octets(event)) ||
	    event->slots > RUN_SLOTS - slot)
		return false;
	for (size_t i = 1; i < event->slots; i++)
		if (run->mark[slot + i] != more)
			return false;
	return true;
}

/* What the run itself knows; `order` is yet to be held against the progress. */
static enum image_state state_in(const struct run *run, size_t slot,
				 uint64_t newest)
{
	uint64_t mark = run->mark[slot];

	if (generation_of(mark) != newest)
		return IMAGE_SENT;
	if (state_of(mark) == MARK_SENT)
		return IMAGE_DEPARTING;
	return run->notes.generation == newest &&
			       run->notes.done & bits(slot, 1)
		       ? IMAGE_SENT
		       : IMAGE_UNSENT;
}

static void append(struct image *image, uint32_t number, size_t slot,
		   uint64_t newest)
{
	struct run *run = &image->run[number];
	uint64_t generation = generation_of(run->mark[slot]);
	bool noted = generation == newest && run->notes.generation == newest;

	image->message[image->count++] = (struct image_message){
		.event = (struct event *)run->slot[slot],
		.state = state_in(run, slot, newest),
		.run = number,
		.slot = slot,
		.generation = generation,
		.order = noted ? run->order[slot] : 0,
		.octets = noted ? run->octets[slot] : 0,
	};
}

static void list_slot(struct image *image, uint32_t number, size_t slot,
		      uint64_t newest)
{
	const struct run *run = &image->run[number];
	uint64_t mark = run->mark[slot];
	bool old = generation_of(mark) != newest;

	if (!generation_of(mark))
		return;
	switch (state_of(mark)) {
	case MARK_DONE:
		break;
	case MARK_SENT:
		if (!old)
			break;
		return;
	case MARK_HELD:
	case MARK_FILL:
		image->torn += !old;
		return;
	default:
		return;
	}
	if (is_whole(run, slot))
		append(image, number, slot, newest);
	else /* an old one is partly overwritten */
		image->damaged += state_in(run, slot, newest) != IMAGE_SENT;
}

/* Slots that begin a message, at the most. */
static size_t count_begun(const struct image *image)
{
	size_t count = 0;

	for (uint32_t number = 0; number < image->header.runs; number++)
		for (size_t slot = 0; slot < RUN_SLOTS; slot++) {
			uint64_t mark = image->run[number].mark[slot];

			count += state_of(mark) == MARK_DONE ||
				 state_of(mark) == MARK_SENT;
		}
	return count;
}

static void list_runs(struct image *image)
{
	for (uint32_t number = 0; number < image->header.runs; number++) {
		const struct run *run = &image->run[number];
		uint64_t newest = newest_generation(run);

		for (size_t slot = 0; slot < RUN_SLOTS; slot++)
			list_slot(image, number, slot, newest);
	}
}

/* Sorting: by merging, which holds out against any comparison. */

typedef bool before_fn(const struct image_message *a,
		       const struct image_message *b);

/* As in queue/order.c; then as they were claimed. */
static bool is_earlier(const struct image_message *a,
		       const struct image_message *b)
{
	if (a->event->stamp_ns != b->event->stamp_ns)
		return a->event->stamp_ns < b->event->stamp_ns;
	if (a->event->part != b->event->part)
		return (int16_t)(a->event->part - b->event->part) < 0;
	if (a->generation != b->generation)
		return is_free(a->generation, b->generation);
	return a->run != b->run ? a->run < b->run : a->slot < b->slot;
}

static bool is_ordered_before(const struct image_message *a,
			      const struct image_message *b)
{
	return a->order < b->order;
}

static void merge(const struct image_message *from, size_t middle, size_t end,
		  struct image_message *to, before_fn *before)
{
	size_t left = 0, right = middle;

	while (left < middle || right < end)
		*to++ = right == end || (left < middle &&
					 !before(&from[right], &from[left]))
				? from[left++]
				: from[right++];
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* In place; `scratch` has as much room. */
static void sort(struct image_message *list, size_t count,
		 struct image_message *scratch, before_fn *before)
{
	for (size_t width = 1; width < count; width *= 2) {
		for (size_t at = 0; at < count; at += 2 * width) {
			size_t rest = count - at;

			merge(list + at, least(width, rest),
			      least(2 * width, rest), scratch + at, before);
		}
		memcpy(list, scratch, count * sizeof(*list));
	}
}

/* How many of the order have been sent. Sorted by order. */
static uint64_t sent_of(const struct image *image)
{
	const struct progress *progress = &image->header.progress;
	const struct progress_cell *cell = &progress->cell[progress->now & 1];
	uint64_t sent = cell->frames;
	uint64_t octets = cell->octets + cell->call.msg_len;

	for (size_t i = 0; i < image->count; i++) {
		const struct image_message *message = &image->message[i];

		if (message->order <= sent)
			continue;
		if (message->order != sent + 1 || message->octets > octets)
			break;
		octets -= message->octets;
		sent++;
	}
	return sent;
}

static void heed_progress(struct image *image)
{
	uint64_t sent = sent_of(image);

	for (size_t i = 0; i < image->count; i++) {
		struct image_message *message = &image->message[i];

		if (message->state == IMAGE_UNSENT && message->order &&
		    message->order <= sent)
			message->state = IMAGE_SENT;
		image->counts[message->state]++;
	}
}

int image_list(struct image *image)
{
	size_t room = count_begun(image) + 1; /* calloc(0) may say NULL */
	struct image_message *scratch = calloc(room, sizeof(*scratch));

	image->message = calloc(room, sizeof(*image->message));
	if (image->message && scratch) {
		list_runs(image);
		sort(image->message, image->count, scratch, is_ordered_before);
		heed_progress(image);
		sort(image->message, image->count, scratch, is_earlier);
	}
	free(scratch);
	return image->message && scratch ? 0 : -ENOMEM;
}
