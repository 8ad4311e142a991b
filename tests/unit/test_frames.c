/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver of Frame Streams: any split of a stream gives the same frames.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "cli/read/frames.h"
#include "proto/common.h"
#include "shim/tap/stream/frame.h"

static void feed(struct frames *frames, const uint8_t *data, size_t size)
{
	uint8_t *space;
	size_t room;

	while (size > 0) {
		cr_assert_eq(frames_space(frames, &space, &room), 0);
		cr_assert_gt(room, 0);
		room = room < size ? room : size;
		memcpy(space, data, room);
		frames_filled(frames, room);
		data += room;
		size -= room;
	}
}

/* START, two data frames and STOP, as they stand on the wire. */
static const uint8_t stream[] = "\0\0\0\0"
				"\0\0\0\x22"
				"\0\0\0\x02"
				"\0\0\0\x01"
				"\0\0\0\x16"
				"protobuf:dnstap.Dnstap"
				"\0\0\0\x03"
				"abc"
				"\0\0\0\x01"
				"z"
				"\0\0\0\0"
				"\0\0\0\x04"
				"\0\0\0\x03";
#define STREAM_SIZE (sizeof(stream) - 1)

static void expect(struct frames *frames, unsigned n)
{
	static const struct frame frame[] = {
		{ .kind = FRAME_CONTROL, .control = FSTRM_CONTROL_START },
		{ .data = (const uint8_t *)"abc", .size = 3 },
		{ .data = (const uint8_t *)"z", .size = 1 },
		{ .kind = FRAME_CONTROL, .control = FSTRM_CONTROL_STOP },
	};
	struct frame got;

	cr_assert_eq(frames_next(frames, &got), 1);
	cr_assert_eq(got.kind, frame[n].kind);
	cr_assert_eq(got.control, frame[n].control);
	cr_assert_eq(got.size, frame[n].size);
	cr_assert_arr_eq(got.data, frame[n].data, got.size);
}

Test(frames, any_split_gives_the_same_frames)
{
	for (size_t first = 1; first < STREAM_SIZE; first++) {
		static const size_t ends[] = { 42, 49, 54, 66 };
		struct frames frames = { 0 };
		struct frame none;
		unsigned n = 0;

		feed(&frames, stream, first);
		for (; n < 4 && ends[n] <= first; n++)
			expect(&frames, n);
		cr_assert_eq(frames_next(&frames, &none), 0);
		cr_assert_eq(!!frames_partial(&frames),
			     first != (n ? ends[n - 1] : 0));
		feed(&frames, stream + first, STREAM_SIZE - first);
		for (; n < 4; n++)
			expect(&frames, n);
		cr_assert_eq(frames_next(&frames, &none), 0);
		cr_assert_not(frames_partial(&frames));
		frames_release(&frames);
	}
}

Test(frames, the_largest_frame_passes)
{
	static uint8_t data[4 + FRAMES_SIZE_MAX] = { 0, 0x10, 0, 0, 'x' };
	struct frames frames = { 0 };
	struct frame frame;

	for (size_t at = 0; at < sizeof(data); at += 65536) {
		size_t size = sizeof(data) - at;

		cr_assert_eq(frames_next(&frames, &frame), 0);
		feed(&frames, data + at, size < 65536 ? size : 65536);
	}
	cr_assert_eq(frames_next(&frames, &frame), 1);
	cr_assert_eq(frame.size, FRAMES_SIZE_MAX);
	cr_assert_eq(frame.data[0], 'x');
	frames_release(&frames);
}

Test(frames, an_oversize_frame_is_skipped_and_the_next_one_comes)
{
	static const uint8_t head[] = { 0, 0x10, 0, 1 };
	static const uint8_t next[] = { 0, 0, 0, 1, 'y' };
	static uint8_t body[FRAMES_SIZE_MAX + 1];
	struct frames frames = { 0 };
	struct frame frame;

	feed(&frames, head, sizeof(head));
	cr_assert_eq(frames_next(&frames, &frame), 1);
	cr_assert_eq(frame.kind, FRAME_OVERSIZE);
	feed(&frames, body, sizeof(body));
	cr_assert_eq(frames_next(&frames, &frame), 0);
	cr_assert_not(frames_partial(&frames));
	cr_assert_leq(frames.room, 1 << 16, "what is skipped takes no memory");
	feed(&frames, next, sizeof(next));
	cr_assert_eq(frames_next(&frames, &frame), 1);
	cr_assert_eq(frame.data[0], 'y');
	frames_release(&frames);
}

Test(frames, a_control_frame_beyond_the_limit_is_refused)
{
	static const uint8_t data[] = { 0, 0, 0, 0, 0, 0, 2, 1 };
	struct frames frames = { 0 };
	struct frame frame;

	feed(&frames, data, sizeof(data));
	cr_assert_eq(frames_next(&frames, &frame), -EPROTO);
	frames_release(&frames);
}

Test(frame, what_is_encoded_is_decoded)
{
	static const fstrm_control_type types[] = {
		FSTRM_CONTROL_ACCEPT, FSTRM_CONTROL_START, FSTRM_CONTROL_STOP,
		FSTRM_CONTROL_READY, FSTRM_CONTROL_FINISH
	};
	uint8_t frame[FRAME_CONTROL_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t size = frame_control(types[i], frame), whole = 0;

		cr_assert_geq(size, 12);
		cr_assert_eq(frame_type(frame, size - 1, &whole), 0);
		cr_assert_eq(frame_type(frame, size, &whole), (int)types[i]);
		cr_assert_eq(whole, size);
	}
	cr_assert_eq(frame_control(FSTRM_CONTROL_START, frame), 42);
	cr_assert_arr_eq(frame, stream, 42);
	/* STOP and FINISH name no content type. */
	cr_assert_eq(frame_control(FSTRM_CONTROL_FINISH, frame), 12);
}

static int type_of(const char *octets, size_t size)
{
	return frame_type((const uint8_t *)octets, size, &size);
}

Test(frame, another_content_type_and_nonsense_are_told_apart)
{
	static const fstrm_control_type types[] = { FSTRM_CONTROL_ACCEPT,
						    FSTRM_CONTROL_START,
						    FSTRM_CONTROL_READY };
	uint8_t frame[FRAME_CONTROL_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t size = frame_control(types[i], frame);

		frame[size - 1] = 'q';
		cr_assert_eq(type_of((char *)frame, size), -EPROTOTYPE);
	}
	cr_assert_eq(type_of("\0\0\0\0\0\0\0\3\0\0\0", 11), -EPROTO);
	cr_assert_eq(type_of("\0\0\0\0\0\0\0\0", 8), -EPROTO);
	cr_assert_eq(type_of("\0\0\0\0\0\0\0\4\0\0\0\x9", 12), -EPROTO);
	/* None at all leaves it to the other side. */
	cr_assert_eq(type_of("\0\0\0\0\0\0\0\4\0\0\0\2", 12),
		     FSTRM_CONTROL_START);
}
