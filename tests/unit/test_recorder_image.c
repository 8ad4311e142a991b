/* SPDX-License-Identifier: Apache-2.0
 *
 * What a flight recorder's file tells of its messages. The hostile ones, and
 * files that are none: test_recorder_hostile.c.
 */
#include <inttypes.h>

#include "tests/unit/recorded.h"

static uint8_t octet_of(uint64_t stamp, size_t i)
{
	return (uint8_t)(stamp * 31 + i * 7 + (i >> 8));
}

static void put(const struct recorded *recorded, uint64_t stamp, size_t size)
{
	struct queue_room room = queue_reserve(recorded->queue, size);

	cr_assert(room.event);
	room.event->stamp_ns = stamp;
	room.event->tail = 0;
	for (size_t i = 0; i < size; i++)
		room.event->payload[i] = octet_of(stamp, i);
	queue_commit(recorded->queue, room);
}

static void put_several(const struct recorded *recorded, uint64_t first,
			uint64_t last)
{
	for (uint64_t stamp = first; stamp <= last; stamp++)
		put(recorded, stamp, 100);
}

/* Collects all, releases the first of them, holds and numbers the others, each of
 * so many octets. */
static void number(const struct recorded *recorded, size_t released,
		   uint32_t octets)
{
	struct queue *queue = recorded->queue;
	size_t pending = queue_collect(queue, UINT64_MAX);

	for (size_t i = released; i < pending; i++)
		queue_sending(queue, queue_event(queue, i), octets);
	queue_release(queue, pending);
}

static void check_octets(const struct event *event)
{
	for (size_t i = 0; i < event->size; i++)
		if (event->payload[i] != octet_of(event->stamp_ns, i))
			cr_assert_fail("octet %zu of %" PRIu64, i,
				       event->stamp_ns);
}

/* `states`: a letter for each message, whose stamps count from `first`. */
static void expect(const struct recorded *recorded, uint64_t first,
		   const char *states)
{
	static const char letters[] = { [IMAGE_UNSENT] = 'u',
					[IMAGE_SENT] = 's',
					[IMAGE_DEPARTING] = 'd' };
	struct image image = recorded_read(recorded);

	cr_assert_eq(image.count, strlen(states), "%zu messages", image.count);
	for (size_t i = 0; i < image.count; i++) {
		cr_expect_eq(image.message[i].event->stamp_ns, first + i);
		cr_expect_eq(letters[image.message[i].state], states[i],
			     "message %zu of %s", i, states);
		check_octets(image.message[i].event);
	}
	image_free(&image);
}

Test(recorder_image, has_nothing_of_an_empty_queue)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);

	expect(&recorded, 0, "");
	recorded_free(&recorded);
}

Test(recorder_image, has_what_was_never_collected)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);

	put(&recorded, 2, 12);
	put(&recorded, 1, 100);
	put(&recorded, 3, QUEUE_SLOT_PAYLOAD);
	expect(&recorded, 1, "uuu");
	recorded_free(&recorded);
}

Test(recorder_image, tells_what_is_done_with)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue *queue = recorded.queue;

	put_several(&recorded, 1, 4);
	cr_assert_eq(queue_collect(queue, UINT64_MAX), 4);
	expect(&recorded, 1, "uuuu");
	queue_hold(queue, queue_event(queue, 1));
	queue_release(queue, 3);
	expect(&recorded, 1, "susu");
	recorded_free(&recorded);
}

Test(recorder_image, has_addresses_and_all_else_of_a_message)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);

	put(&recorded, 7, 30);
	struct image image = recorded_read(&recorded);
	const struct image_message *message = &image.message[0];
	const struct recorder_header *header = &image.header;

	cr_assert_eq(image.count, 1);
	cr_assert_eq(message->event->size, 30);
	cr_assert_eq(image_wall(&image, message->event->stamp_ns),
		     RECORDED_WALL + 7);
	cr_assert_str_eq(image.text, RECORDED_TEXT);
	cr_assert_eq(header->process, 4711);
	cr_assert_eq(image.counts[IMAGE_UNSENT], 1);
	image_free(&image);
	recorded_free(&recorded);
}

Test(recorder_image, believes_the_progress)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct progress *progress = &recorded.header->progress;

	put_several(&recorded, 1, 5);
	number(&recorded, 1, 100);
	expect(&recorded, 1, "suuuu");
	progress_set(progress, 2, 0);
	expect(&recorded, 1, "sssuu");
	progress_set(progress, 2, 99);
	expect(&recorded, 1, "sssuu");
	progress_set(progress, 4, 0);
	expect(&recorded, 1, "sssss");
	queue_sent(recorded.queue, 4);
	expect(&recorded, 1, "sssss");
	recorded_free(&recorded);
}

/* The process was killed in the call, or right behind it. */
Test(recorder_image, believes_the_kernel)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct progress *progress = &recorded.header->progress;
	struct mmsghdr *call;

	put_several(&recorded, 1, 6);
	number(&recorded, 0, 100);
	progress_set(progress, 1, 30);
	call = progress_call(progress, "", 1);
	expect(&recorded, 1, "suuuuu");
	call->msg_len = 69;
	expect(&recorded, 1, "suuuuu");
	call->msg_len = 70;
	expect(&recorded, 1, "ssuuuu");
	call->msg_len = 269;
	expect(&recorded, 1, "sssuuu");
	call->msg_len = 270;
	expect(&recorded, 1, "ssssuu");
	call->msg_len = 100000;
	expect(&recorded, 1, "ssssss");
	recorded_free(&recorded);
}

/* The order of sending is not that of the slots. */
Test(recorder_image, goes_by_the_order_of_sending)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue *queue = recorded.queue;

	put_several(&recorded, 1, 3);
	queue_collect(queue, UINT64_MAX);
	queue_sending(queue, queue_event(queue, 2), 50);
	queue_sending(queue, queue_event(queue, 0), 60);
	queue_sending(queue, queue_event(queue, 1), 70);
	queue_release(queue, 3);
	progress_set(&recorded.header->progress, 0, 109);
	expect(&recorded, 1, "uus");
	progress_set(&recorded.header->progress, 0, 110);
	expect(&recorded, 1, "sus");
	recorded_free(&recorded);
}

Test(recorder_image, has_what_takes_many_slots)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue *queue = recorded.queue;
	uint64_t stamp = 1;
	size_t done;

	for (size_t size = 12; size <= EVENT_SIZE_MAX; size += 4999)
		put(&recorded, stamp++, size);
	put(&recorded, stamp, EVENT_SIZE_MAX);
	expect(&recorded, 1, "uuuuuuuuuuuuuuu");
	done = queue_collect(queue, UINT64_MAX);
	queue_release(queue, done / 2);
	expect(&recorded, 1, "sssssssuuuuuuuu");
	recorded_free(&recorded);
}

/* Every run is used several times; what a run has kept of its earlier lives is
 * shown, and whatever else there is is whole. */
Test(recorder_image, has_what_earlier_rounds_left)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue *queue = recorded.queue;
	uint64_t stamp = 0;

	srandom(1);
	for (int round = 0; round < 12000; round++) {
		put(&recorded, ++stamp, 12 + random() % 4000);
		queue_release(queue, queue_collect(queue, UINT64_MAX));
	}
	put(&recorded, ++stamp, 12);
	struct image image = recorded_read(&recorded);
	cr_assert_gt(image.count, 1000);
	cr_assert_eq(image.counts[IMAGE_UNSENT], 1);
	cr_assert_eq(image.counts[IMAGE_SENT], image.count - 1);
	cr_assert_eq(image.damaged, 0);
	for (size_t i = 0; i < image.count; i++) {
		const struct event *event = image.message[i].event;

		check_octets(event);
		if (i)
			cr_assert_gt(event->stamp_ns,
				     image.message[i - 1].event->stamp_ns);
	}
	/* The younger ones without a gap. */
	for (size_t i = 1; i <= 500; i++)
		cr_assert_eq(image.message[image.count - i].event->stamp_ns,
			     stamp + 1 - i);
	image_free(&image);
	recorded_free(&recorded);
}

/* The consumer has noted of the run's earlier life that all is done with, and of
 * the order that it was sent; nothing of it holds for what came since. */
Test(recorder_image, heeds_no_notes_of_an_earlier_round)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue *queue = recorded.queue;
	size_t slots = queue->runs * RUN_SLOTS;
	uint64_t stamp = 0;

	while (stamp < slots) {
		put(&recorded, ++stamp, 12);
		number(&recorded, 0, 100);
		queue_sent(queue, stamp);
	}
	progress_set(&recorded.header->progress, stamp, 0);
	for (int i = 0; i < 70; i++)
		put(&recorded, ++stamp, 12);
	struct image image = recorded_read(&recorded);
	cr_assert_eq(image.counts[IMAGE_UNSENT], 70);
	for (size_t i = image.count - 70; i < image.count; i++)
		cr_assert_eq(image.message[i].state, IMAGE_UNSENT);
	image_free(&image);
	recorded_free(&recorded);
}

/* The consumer has begun the run's next life, and nobody has written to it. */
Test(recorder_image, takes_what_is_claimed_anew_for_sent)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct run *run = &recorded.queue->run[0];

	put_several(&recorded, 1, 3);
	queue_collect(recorded.queue, UINT64_MAX);
	for (size_t i = 0; i < recorded.queue->runs; i++)
		if (run[i].mark[0])
			run[i].notes = (struct notes){
				.generation = run[i].notes.generation +
					      (1ull << INDEX_BITS),
			};
	expect(&recorded, 1, "sss");
	recorded_free(&recorded);
}

/* The consumer is just renewing what it knows: nothing of it holds, but that the
 * run's earlier life is over. */
Test(recorder_image, heeds_no_notes_that_are_being_renewed)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct run *run = recorded.queue->run;

	put_several(&recorded, 1, 3);
	queue_collect(recorded.queue, UINT64_MAX);
	for (size_t i = 0; i < recorded.queue->runs; i++)
		if (state_of(run[i].mark[0]) == MARK_DONE) {
			run[i].mark[2] += 1ull << INDEX_BITS;
			run[i].notes.generation += (1ull << INDEX_BITS) | 1;
			run[i].notes.done = ~0ull;
		}
	expect(&recorded, 1, "ssu");
	recorded_free(&recorded);
}

Test(recorder_image, counts_what_is_torn)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);

	put(&recorded, 1, 12);
	queue_reserve(recorded.queue, 12).event->stamp_ns = 5;
	queue_depart(recorded.queue, NULL, 3000);
	put(&recorded, 2, 12);
	struct image image = recorded_read(&recorded);
	cr_assert_eq(image.torn, 2);
	cr_assert_eq(image.count, 2);
	image_free(&image);
	expect(&recorded, 1, "uu");
	recorded_free(&recorded);
}

static struct queue_room depart(const struct recorded *recorded, uint64_t stamp)
{
	struct queue_room room = queue_depart(recorded->queue, NULL, 3000);

	room.event->stamp_ns = stamp;
	for (size_t i = 0; i < 3000; i++)
		room.event->payload[i] = octet_of(stamp, i);
	queue_departed(recorded->queue, room);
	return room;
}

/* In its call, crossed, not crossed; and left by its thread. */
Test(recorder_image, tells_what_was_being_sent)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue *queue = recorded.queue;
	uint64_t crossed, not, left;

	depart(&recorded, 1);
	crossed = queue_link(queue, depart(&recorded, 2));
	not = queue_link(queue, depart(&recorded, 3));
	left = queue_link(queue, depart(&recorded, 4));
	expect(&recorded, 1, "dddd");
	cr_assert(queue_land(queue, thread_state.call, crossed, true));
	cr_assert(queue_land(queue, thread_state.call, not, false));
	queue_abandon(queue, thread_state.call, left);
	expect(&recorded, 1, "du");
	recorded_free(&recorded);
}

/* Of what no mark speaks: the octets of a message in another's payload. */
Test(recorder_image, takes_no_payload_for_a_message)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue_room room = queue_reserve(recorded.queue, 5000);

	room.event->stamp_ns = 1;
	for (size_t at = 0; at < 5000; at++)
		room.event->payload[at] = octet_of(1, at);
	struct event forged = { .stamp_ns = 2, .size = 12, .slots = 1 };
	memcpy((uint8_t *)room.event + SLOT_SIZE, &forged, sizeof(forged));
	queue_commit(recorded.queue, room);
	struct image image = recorded_read(&recorded);
	cr_assert_eq(image.count, 1);
	cr_assert_eq(image.message[0].event->stamp_ns, 1);
	image_free(&image);
	recorded_free(&recorded);
}

/* One call's messages have one stamp, and a part each, which wraps. */
Test(recorder_image, keeps_the_parts_of_a_call_in_their_order)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);

	thread_state.part = 65530;
	for (int i = 0; i < 12; i++)
		put(&recorded, 9, 12);
	struct image image = recorded_read(&recorded);
	cr_assert_eq(image.count, 12);
	for (size_t i = 0; i < image.count; i++)
		cr_assert_eq(image.message[i].event->part,
			     (uint16_t)(65530 + i));
	image_free(&image);
	recorded_free(&recorded);
}
