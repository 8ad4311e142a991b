/* SPDX-License-Identifier: Apache-2.0
 *
 * A flight recorder's messages as the dead process would have logged them.
 */
#include <stdio.h>

#include "dnstap.pb-c.h"
#include "proto/common.h"
#include "proto/given.h"
#include "shim/tap/recorder/replay.h"
#include "tests/unit/message.h"
#include "tests/unit/recorded.h"

static void put(const struct recorded *recorded, const struct message *m)
{
	struct queue_room room = queue_reserve(recorded->queue, m->event.size);
	struct event *event = room.event, kept = *event;

	memcpy(event, &m->event, sizeof(*event) + m->event.size);
	event->slots = kept.slots;
	event->part = kept.part;
	queue_commit(recorded->queue, room);
}

static struct message query(uint16_t id, uint64_t stamp)
{
	struct message m = message(EVENT_SERVES, id, 0, "example", 1);

	m.event.stamp_ns = stamp;
	return m;
}

static struct message response(uint16_t id, uint64_t stamp)
{
	struct message m =
		message(EVENT_SERVES | EVENT_SENT, id, QR, "example", 1);

	m.event.stamp_ns = stamp;
	return m;
}

static struct replay *begin(struct image *image)
{
	char error[IMAGE_ERROR_MAX] = "";
	struct replay *replay = replay_new(image, "named", error);

	cr_assert(replay, "%s", error);
	return replay;
}

static Dnstap__Dnstap *next(struct replay *replay, size_t index)
{
	size_t size;
	const uint8_t *frame = replay_message(replay, index, &size);

	return frame ? dnstap__dnstap__unpack(NULL, size, frame) : NULL;
}

static bool is(const ProtobufCBinaryData *data, const char *text)
{
	return data->len == strlen(text) &&
	       !memcmp(data->data, text, data->len);
}

Test(recorder_replay, is_the_dead_tap_once_more)
{
	struct recorded recorded = recorded_new(
		"dnstap /run/x full {\n identity \"ns1\"\n version \"named 9\"\n"
		" extra \"{/shim/pid} {/shim/program}\"\n}\n");
	struct message q = query(1, 1000), r = response(1, 3000);

	put(&recorded, &q);
	put(&recorded, &r);
	struct image image = recorded_read(&recorded);
	struct replay *replay = begin(&image);
	Dnstap__Dnstap *first = next(replay, 0), *second = next(replay, 1);

	cr_assert_str_eq(replay_socket(replay), "/run/x");
	cr_assert(is(&first->identity, "ns1"));
	cr_assert(is(&first->version, "named 9"));
	cr_assert(is(&first->extra, "4711 named"));
	cr_assert_eq(first->message->type, DNSTAP__MESSAGE__TYPE__AUTH_QUERY);
	cr_assert_eq(first->message->query_time_sec, 1000);
	cr_assert_eq(first->message->query_time_nsec, 1000);
	cr_assert_eq(first->message->query_message.len, q.event.size);
	cr_assert_eq(second->message->response_time_nsec, 3000);
	cr_assert_eq(second->message->query_time_nsec, 1000,
		     "a response is known by its query");
	dnstap__dnstap__free_unpacked(first, NULL);
	dnstap__dnstap__free_unpacked(second, NULL);
	replay_free(replay);
	image_free(&image);
	recorded_free(&recorded);
}

/* How many of 100 queries are logged; `numbered`: the tap had decided. */
static size_t logged(const char *text, bool numbered)
{
	struct recorded recorded = recorded_new(text);
	struct queue *queue = recorded.queue;
	size_t count = 0, size;

	for (uint16_t id = 1; id <= 100; id++) {
		struct message q = query(id, id);
		put(&recorded, &q);
	}
	size_t pending = queue_collect(queue, UINT64_MAX);
	for (size_t i = 0; i < pending && numbered; i++)
		queue_sending(queue, queue_event(queue, i), 100);
	struct image image = recorded_read(&recorded);
	struct replay *replay = begin(&image);
	for (size_t i = 0; i < image.count; i++)
		count += replay_message(replay, i, &size) != NULL;
	replay_free(replay);
	image_free(&image);
	recorded_free(&recorded);
	return count;
}

Test(recorder_replay, chooses_as_the_tap_did)
{
	static const char some[] = "dnstap /run/x full {\n sample 4\n}\n";
	static const char none[] =
		"dnstap /run/x full {\n types client-query\n}\n";

	cr_assert_lt(logged(some, false), 60);
	cr_assert_eq(logged(some, true), 100);
	cr_assert_eq(logged(none, false), 0);
	cr_assert_eq(logged(none, true), 100);
}

/* A stranger's response, unless the tap had found that it was none. */
Test(recorder_replay, lets_no_stranger_in)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct message strange = message(EVENT_SERVES, 7, QR, "example", 1);
	size_t size;

	put(&recorded, &strange);
	queue_collect(recorded.queue, UINT64_MAX);
	struct image image = recorded_read(&recorded);
	struct replay *replay = begin(&image);
	cr_assert_null(replay_message(replay, 0, &size));
	replay_free(replay);
	image_free(&image);

	queue_sending(recorded.queue, queue_event(recorded.queue, 0), 100);
	image = recorded_read(&recorded);
	replay = begin(&image);
	cr_assert(replay_message(replay, 0, &size));
	replay_free(replay);
	image_free(&image);
	recorded_free(&recorded);
}

/* The tap had masked the query where it lies, and had not come to the response. */
Test(recorder_replay, matches_what_is_masked_with_what_is_not)
{
	struct recorded recorded =
		recorded_new("dnstap /run/x full {\n anonymize 24 48\n}\n");
	struct message q = query(1, 1000), r = response(1, 3000);

	q.event.remote[3] = 0;
	put(&recorded, &q);
	put(&recorded, &r);
	struct image image = recorded_read(&recorded);
	struct replay *replay = begin(&image);
	dnstap__dnstap__free_unpacked(next(replay, 0), NULL);
	Dnstap__Dnstap *second = next(replay, 1);
	cr_assert_eq(second->message->query_address.data[3], 0);
	cr_assert(second->message->has_query_time_nsec);
	dnstap__dnstap__free_unpacked(second, NULL);
	replay_free(replay);
	image_free(&image);
	recorded_free(&recorded);
}

/* The tap had taken a proxy's header off the first, which is shorter than its slots
 * by now, and had found that the second was nothing without it. */
Test(recorder_replay, has_what_has_become_shorter)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct message q = query(1, 1000);
	struct queue *queue = recorded.queue;

	for (int i = 0; i < 2; i++) {
		struct queue_room room = queue_reserve(queue, 1300);
		uint32_t slots = room.event->slots;

		memcpy(room.event, &q.event, sizeof(q.event) + q.event.size);
		room.event->slots = slots;
		queue_commit(queue, room);
	}
	cr_assert_eq(queue_collect(queue, UINT64_MAX), 2);
	queue_event(queue, 1)->size = 5;
	queue_hold(queue, queue_event(queue, 0));
	queue_release(queue, 2);
	struct image image = recorded_read(&recorded);
	cr_assert_eq(image.counts[IMAGE_UNSENT], 1);
	cr_assert_eq(image.message[0].event->slots, 2);
	cr_assert_eq(image.damaged, 0);
	image_free(&image);
	recorded_free(&recorded);
}

/* The kernel's answer of today is no observation. */
Test(recorder_replay, asks_the_kernel_for_no_address)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct message q = message(EVENT_SENT, 1, 0, "example", 1);

	q.event.flags &= ~EVENT_LOCAL;
	memcpy(q.event.remote, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	put(&recorded, &q);
	struct image image = recorded_read(&recorded);
	struct replay *replay = begin(&image);
	Dnstap__Dnstap *only = next(replay, 0);
	cr_assert_not(only->message->has_query_address);
	dnstap__dnstap__free_unpacked(only, NULL);
	replay_free(replay);
	image_free(&image);
	recorded_free(&recorded);
}

Test(recorder_replay, refuses_another_configuration)
{
	static const char *const wrong[] = {
		"", "dnstap /run/x full\ndnstap /run/y full\n", "nonsense\n"
	};
	char error[IMAGE_ERROR_MAX] = "";

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct recorded recorded = recorded_new(wrong[i]);
		struct image image = recorded_read(&recorded);

		cr_expect_null(replay_new(&image, "x", error), "%s", wrong[i]);
		cr_expect(strstr(error, "configuration"), "%s", error);
		image_free(&image);
		recorded_free(&recorded);
	}
}

/* A configuration may be a file's path in the environment, not here. */
Test(recorder_replay, opens_no_file_for_a_text)
{
	char path[] = "/tmp/replay.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_eq(dprintf(fd, "dnstap /run/x full\n"), 19);
	struct recorded recorded = recorded_new(path);
	struct image image = recorded_read(&recorded);
	struct replay *replay = begin(&image);
	cr_assert_str_eq(replay_socket(replay), path);
	replay_free(replay);
	image_free(&image);
	recorded_free(&recorded);
	unlink(path);
	close(fd);
}

/* Behind the message lies what the program has told of it. */
static struct event *put_with(const struct recorded *recorded,
			      struct message *m, const void *tail, size_t size)
{
	uint8_t *end = m->event.payload + m->event.size;

	memcpy(end, tail, size);
	m->event.tail = size;
	struct queue_room room =
		queue_reserve(recorded->queue, event_octets(&m->event));
	struct event *event = room.event, kept = *event;

	memcpy(event, &m->event, sizeof(*event) + event_octets(&m->event));
	event->slots = kept.slots;
	event->part = kept.part;
	queue_commit(recorded->queue, room);
	return event;
}

Test(recorder_replay, has_what_the_program_told)
{
	struct recorded recorded =
		recorded_new("dnstap /run/x full {\n extra {/a/b}\n}\n");
	const struct given head = {
		.query_ns = 5 * NS_PER_S,
		.type = DNSTAP__MESSAGE__TYPE__TOOL_QUERY,
		.protocol = DNSTAP__SOCKET_PROTOCOL__DOQ,
	};
	struct message noted = response(1, 1000), given = query(2, 2000);

	put_with(&recorded, &noted, "a/b\0noted", 10);
	given.event.flags |= EVENT_GIVEN;
	put_with(&recorded, &given, &head, sizeof(head));
	for (int again = 0; again < 2; again++) {
		struct image image = recorded_read(&recorded);
		struct replay *replay = begin(&image);
		Dnstap__Dnstap *first = next(replay, 0),
			       *second = next(replay, 1);

		cr_assert(is(&first->extra, "noted"));
		cr_assert_eq(first->message->response_message.len,
			     noted.event.size);
		cr_assert(is(&second->extra, "-"));
		cr_assert_eq(second->message->type, head.type);
		cr_assert_eq(second->message->socket_protocol, head.protocol);
		cr_assert_eq(second->message->query_time_sec, 5);
		cr_assert_eq(second->message->query_message.len,
			     given.event.size);
		dnstap__dnstap__free_unpacked(first, NULL);
		dnstap__dnstap__free_unpacked(second, NULL);
		replay_free(replay);
		image_free(&image);
	}
	recorded_free(&recorded);
}
