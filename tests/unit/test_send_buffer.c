/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames on their way out: whole ones, cut ones, and what fits into a file.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "shim/tap/stream/send_buffer.h"
#include "shim/tap/stream/session.h"

static struct send_buffer send_buffer;
static uint64_t octets;

static void begin(void)
{
	octets = 0;
}

static void end(void)
{
	send_buffer_end(&send_buffer);
}

TestSuite(send_buffer, .init = begin, .fini = end);

static void put(size_t size)
{
	uint8_t *room = send_buffer_reserve(&send_buffer, size);

	cr_assert_not_null(room);
	memset(room, 'x', size);
	send_buffer_commit(&send_buffer, size);
}

static size_t next(uint64_t room, bool first)
{
	const uint8_t *from;

	return send_buffer_next(&send_buffer, room, first, &from);
}

Test(send_buffer, gives_everything_where_there_is_no_end)
{
	put(10);
	put(20);
	cr_assert_eq(next(UINT64_MAX, false), 38);
	cr_assert_eq(send_buffer.frames, 2);
}

Test(send_buffer, counts_a_frame_when_its_last_octet_is_written)
{
	put(10);
	put(20);
	cr_assert_eq(send_buffer_written(&send_buffer, 13, &octets), 0);
	cr_assert_eq(send_buffer_written(&send_buffer, 1, &octets), 1);
	cr_assert_eq(octets, 14);
	cr_assert_eq(send_buffer_written(&send_buffer, 24, &octets), 1);
	cr_assert_eq(octets, 38);
	cr_assert_eq(send_buffer.frames, 0);
	cr_assert_eq(next(UINT64_MAX, true), 0);
}

Test(send_buffer, gives_only_whole_frames_that_have_room)
{
	put(10);
	put(20);
	cr_assert_eq(next(38, false), 38);
	cr_assert_eq(next(37, false), 14);
	cr_assert_eq(next(13, false), 0);
	cr_assert_eq(next(13, true), 14);
	cr_assert_eq(next(0, true), 14);
}

Test(send_buffer, finishes_a_frame_that_has_begun_in_the_room_it_has_left)
{
	put(10);
	put(20);
	send_buffer_written(&send_buffer, 4, &octets);
	cr_assert_eq(next(10, false), 10);
	cr_assert_eq(next(33, false), 10);
	cr_assert_eq(next(34, false), 34);
}

Test(send_buffer, goes_back_to_the_beginning_of_a_cut_frame)
{
	put(10);
	put(20);
	send_buffer_written(&send_buffer, 17, &octets);
	cr_assert_eq(send_buffer_rewind(&send_buffer), 3);
	cr_assert_eq(next(UINT64_MAX, false), 24);
	cr_assert_eq(send_buffer_rewind(&send_buffer), 0);
}

Test(send_buffer, makes_room_of_what_is_written)
{
	put(SESSION_FRAME_MAX - 4);
	put(SESSION_FRAME_MAX - 4);
	put(SESSION_FRAME_MAX - 4);
	put(SESSION_FRAME_MAX - 4);
	cr_assert_null(send_buffer_reserve(&send_buffer, 1));
	send_buffer_written(&send_buffer, SESSION_FRAME_MAX + 10, &octets);
	put(SESSION_FRAME_MAX - 4);
	cr_assert_eq(next(UINT64_MAX, false), 4 * SESSION_FRAME_MAX - 10);
}
