/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream cutter: any split of any sequence of messages gives the same
 * messages, whatever stands in them; nothing is kept for longer than needed.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "proto/event.h"
#include "shim/capture/stream.h"

#define WIRE_MAX (1 << 20)

struct wire {
	uint8_t octets[WIRE_MAX];
	size_t size;
};

static void append(struct wire *wire, uint16_t size, uint8_t seed)
{
	uint8_t *at = wire->octets + wire->size;

	at[0] = size >> 8;
	at[1] = size;
	for (size_t i = 0; i < size; i++)
		at[2 + i] = i >= 4 && i < 12 ? 0 : (uint8_t)(seed + i * 3);
	wire->size += 2 + size;
}

/* What came out of the cutter, in the form in which it went in. */
static enum stream_cut feed(struct stream *stream, struct octets octets,
			    struct wire *out)
{
	struct stream_found found;
	enum stream_cut cut;

	stream->may = STREAM_MAY_PROXY | STREAM_MAY_DNS;
	while ((cut = stream_next(stream, &octets, &found)) == STREAM_MESSAGE) {
		uint8_t *at = out->octets + out->size;
		size_t size = found.message.left;
		at[0] = size >> 8;
		at[1] = size;
		octets_copy(&found.message, at + 2, size);
		out->size += 2 + size;
	}
	return cut;
}

static size_t random_size(void)
{
	switch (random() % 8) {
	case 0:
		return EVENT_PAYLOAD_MIN;
	case 1:
		return EVENT_PAYLOAD_MIN + random() % 65000;
	default:
		return EVENT_PAYLOAD_MIN + random() % 500;
	}
}

/* One call with `size` octets in some number of pieces, empty ones too. */
static void feed_pieces(struct stream *stream, uint8_t *from, size_t size,
			struct wire *out)
{
	struct iovec iov[8];
	size_t left = size, n = 0;

	for (; n < 7 && left; n++) {
		size_t part = random() % (left + 1);
		iov[n] = (struct iovec){ from, part };
		from += part;
		left -= part;
	}
	iov[n] = (struct iovec){ from, left + 100 }; /* a larger buffer */
	cr_assert_eq(
		feed(stream, (struct octets){ .iov = iov, .left = size }, out),
		STREAM_MORE);
	*stream = stream_unpack(stream_pack(stream));
}

static void feed_none(struct stream *stream)
{
	feed(stream, (struct octets){ .left = 0 }, NULL);
}

Test(stream, any_split_gives_the_same_messages)
{
	static struct wire in, out;
	struct stream stream = { 0 };

	srandom(7);
	for (int round = 0; round < 300; round++) {
		in.size = out.size = 0;
		for (int n = 1 + random() % 12; n; n--)
			append(&in, random_size(), random());
		/* With a beginning, at which a proxy's header may stand. */
		if (round % 2)
			stream = (struct stream){ .state = STREAM_BEGINS };
		size_t most = round % 3 ? 1 + random() % 3000 : 2;
		if (round % 3 == 1)
			most = in.size;
		for (size_t at = 0; at < in.size;) {
			size_t size = 1 + random() % most;
			if (size > in.size - at)
				size = in.size - at;
			feed_pieces(&stream, in.octets + at, size, &out);
			at += size;
		}
		cr_assert_eq(out.size, in.size);
		cr_assert_arr_eq(out.octets, in.octets, in.size);
		feed_none(&stream);
		cr_assert_eq(stream.half, 0,
			     "nothing is kept between messages");
	}
}

static enum stream_cut feed_text(struct stream *stream, const char *text,
				 size_t size)
{
	static struct wire out;
	struct iovec iov = { (void *)text, size };

	out.size = 0;
	return feed(stream, (struct octets){ .iov = &iov, .left = size }, &out);
}

Test(stream, believes_lengths_alone)
{
	static struct wire in, out;
	struct stream stream = { 0 };
	struct iovec iov[2];

	/* Counts that no message can hold, in two calls; then an ordinary one. */
	append(&in, 5000, 1);
	memset(in.octets + 6, 0xff, 8);
	append(&in, 30, 2);
	iov[0] = (struct iovec){ in.octets, 1000 };
	iov[1] = (struct iovec){ in.octets + 1000, in.size - 1000 };
	for (int i = 0; i < 2; i++)
		cr_assert_eq(feed(&stream,
				  (struct octets){ .iov = &iov[i],
						   .left = iov[i].iov_len },
				  &out),
			     STREAM_MORE);
	cr_assert_eq(out.size, in.size);
	cr_assert_arr_eq(out.octets, in.octets, in.size);
}

Test(stream, passes_over_what_is_too_short)
{
	struct stream stream = { 0 };

	cr_assert_eq(feed_text(&stream, "\0\3abc", 5), STREAM_SHORT);
	cr_assert_eq(feed_text(&stream, "\0", 1), STREAM_MORE);
	cr_assert_eq(feed_text(&stream, "\0", 1), STREAM_SHORT);
	cr_assert_eq(feed_text(&stream, "\0\14ab\0\0\0\0\0\0\0\0\0\0", 14),
		     STREAM_MORE, "in step again");
}

Test(stream, gives_up_who_sends_nothing_but_lengths)
{
	struct stream stream = { 0 };

	for (int i = 0; i < STREAM_SHORT_MAX; i++) {
		cr_assert_eq(feed_text(&stream, "\0\0", 2), STREAM_SHORT);
		/* What he sends in between does not help. */
		cr_assert_eq(feed_text(&stream, "\0\14abcdefghijkl", 14),
			     STREAM_MORE);
		stream = stream_unpack(stream_pack(&stream));
	}
	cr_assert_eq(feed_text(&stream, "\0\0", 2), STREAM_GIVEN_UP);
	stream = stream_unpack(stream_pack(&stream));
	cr_assert_eq(feed_text(&stream, "\0\0", 2), STREAM_GIVEN_UP);
}

Test(stream, tells_whole_messages)
{
	static const char text[] = "\0\14abcdefghijkl\0\3abc\0\0";
	struct iovec iov = { (void *)text, sizeof(text) };

	for (size_t size = 0; size < sizeof(text); size++)
		cr_assert_eq(stream_is_whole((struct octets){ .iov = &iov,
							      .left = size }),
			     size == 14 || size == 19 || size == 21, "%zu",
			     size);
}

#define LINE "PROXY TCP4 192.0.2.1 198.51.100.2 12345 53\r\n"
#define HEADER                                   \
	"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10"     \
	"\xc0\0\2\1\xc6\x33\x64\2\x30\x39\0\x35" \
	"\4\0\1\7" /* a value that is passed over */
#define QUERY "\0\14abcdefghijkl"

/* A connection that begins so, in pieces, and goes on with a query. */
static void introduced(const char *text, size_t size, size_t piece)
{
	struct stream stream = { .state = STREAM_BEGINS };
	struct stream_found found;
	int headers = 0, queries = 0;

	for (size_t at = 0, part; at < size; at += part) {
		part = size - at < piece ? size - at : piece;
		struct iovec iov = { (void *)(text + at), part };
		struct octets octets = { .iov = &iov, .left = part };
		enum stream_cut cut;

		stream.may = STREAM_MAY_PROXY | STREAM_MAY_DNS;
		while ((cut = stream_next(&stream, &octets, &found)))
			if (cut == STREAM_INTRODUCTION) {
				headers++;
				cr_assert_eq(found.proxy.source_port, 12345);
			} else {
				queries++;
				cr_assert_eq(cut, STREAM_MESSAGE);
				cr_assert_eq(found.message.left, 12);
			}
		stream = stream_unpack(stream_pack(&stream));
	}
	cr_assert_eq(headers, 1);
	cr_assert_eq(queries, 1);
}

Test(stream, reads_what_a_proxy_says_first)
{
	for (size_t piece = 1; piece < 70; piece++) {
		introduced(LINE QUERY, sizeof(LINE QUERY) - 1, piece);
		introduced(HEADER QUERY, sizeof(HEADER QUERY) - 1, piece);
	}
}

/* Its length counts what follows 16 octets: all is more than 16 bits can say. */
Test(stream, the_longest_that_a_proxy_says)
{
	static const size_t pieces[] = { 1, 15, 17, 1000, SIZE_MAX };
	static char text[16 + 65535 + 14];

	memcpy(text, HEADER, sizeof(HEADER) - 1);
	memcpy(text + 14, "\xff\xff", 2);
	memcpy(text + 16 + 65535, QUERY, 14);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
		introduced(text, sizeof(text), pieces[i]);
}

/* Messages whose lengths read as the beginning of a header. */
Test(stream, is_not_introduced_by_a_length)
{
	static struct wire in, out;

	for (size_t most = 1; most < 100; most++) {
		struct stream stream = { .state = STREAM_BEGINS };
		in.size = out.size = 0;
		append(&in, most % 2 ? 0x0d0a : 0x5052, most);
		memcpy(in.octets + 2, most % 2 ? "\r\n\0\r\nQUIT" : "OXY TCP4 ",
		       9);
		append(&in, 40, 1);
		for (size_t at = 0; at < in.size; at += most)
			feed_pieces(&stream, in.octets + at,
				    in.size - at < most ? in.size - at : most,
				    &out);
		cr_assert_eq(out.size, in.size);
		cr_assert_arr_eq(out.octets, in.octets, in.size);
	}
}

Test(stream, memory_grows_with_what_has_come)
{
	enum { CONNECTIONS = 5000 };
	static struct stream streams[CONNECTIONS];
	struct stream more = { 0 };
	static struct wire in;

	for (size_t i = 0; i < CONNECTIONS; i++)
		feed_text(&streams[i], "\xff\xffi promise much", 15);
	append(&in, 65000, 1);
	feed_text(&more, (char *)in.octets, 60000);
	cr_assert_eq(more.state, STREAM_HALF, "there is room for others");
	stream_abandon(&more);
	for (size_t i = 0; i < CONNECTIONS; i++)
		stream_abandon(&streams[i]);
}

/* Most that read from a connection ask for a length, and then for as much. */
Test(stream, what_follows_its_length_is_handed_on_where_it_stands)
{
	struct stream stream = { 0 };
	struct stream_found found;
	static struct wire in;

	append(&in, 300, 1);
	feed_text(&stream, (char *)in.octets, 2);
	stream = stream_unpack(stream_pack(&stream));
	cr_assert_eq(stream.state, STREAM_SIZED);
	cr_assert_eq(stream.half, 0, "nothing has come that is to be kept");
	feed_none(&stream);

	struct iovec iov = { in.octets + 2, 300 };
	struct octets octets = { .iov = &iov, .left = 300 };
	cr_assert_eq(stream_next(&stream, &octets, &found), STREAM_MESSAGE);
	cr_assert_eq(found.message.iov, &iov);
	cr_assert_eq(found.message.left, 300);
	cr_assert_eq(stream_next(&stream, &octets, &found), STREAM_MORE);
	cr_assert_eq(stream.state, STREAM_BETWEEN);
}

Test(stream, counts_what_the_pool_has_no_room_for)
{
	static struct stream streams[1000];
	static struct wire in, out;
	size_t n = 0;

	/* Half messages, until there is no block left. */
	append(&in, 60000, 1);
	do
		feed_text(&streams[n], (char *)in.octets, 50000);
	while (streams[n++].state == STREAM_HALF);
	cr_assert_gt(n, 16);
	cr_assert_lt(n, 300, "the pool is bounded");

	struct stream *poor = &streams[n - 1];
	struct iovec rest = { in.octets + 50000, in.size - 50000 };
	cr_assert_eq(feed(poor,
			  (struct octets){ .iov = &rest, .left = rest.iov_len },
			  &out),
		     STREAM_NO_MEMORY);
	stream_abandon(&streams[0]);
	feed_text(poor, (char *)in.octets, 50000);
	cr_assert_eq(poor->state, STREAM_HALF,
		     "a block given back is used again");
}

/* As many long ones as a server lets anybody begin take no room from shorter ones. */
Test(stream, the_long_leave_room_for_the_short)
{
	static struct stream greedy[512];
	static struct wire longer, in, out;
	struct stream modest = { 0 };

	append(&longer, 60000, 1);
	for (size_t i = 0; i < 512; i++)
		feed_text(&greedy[i], (char *)longer.octets,
			  i < 256 ? 59000 : 2000);
	append(&in, 1000, 2);
	feed_text(&modest, (char *)in.octets, 700);
	struct iovec rest = { in.octets + 700, in.size - 700 };
	cr_assert_eq(feed(&modest,
			  (struct octets){ .iov = &rest, .left = rest.iov_len },
			  &out),
		     STREAM_MORE);
	cr_assert_eq(out.size, in.size);
	cr_assert_arr_eq(out.octets, in.octets, in.size);
	for (size_t i = 0; i < 512; i++)
		stream_abandon(&greedy[i]);
}
