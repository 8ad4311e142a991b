/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream cutter: any split of any sequence of messages gives the same
 * messages; what is no DNS is given up; nothing is kept for longer than needed.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "shim/capture/stream.h"
#include "shim/event.h"

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
	struct octets message;
	struct iovec whole;
	enum stream_cut cut;

	while ((cut = stream_next(stream, &octets, &message, &whole)) ==
	       STREAM_MESSAGE) {
		uint8_t *at = out->octets + out->size;
		size_t size = message.left;
		at[0] = size >> 8;
		at[1] = size;
		octets_take(&message, at + 2, size);
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
	cr_assert_eq(feed(stream, (struct octets){ iov, 0, size }, out),
		     STREAM_MORE);
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
	return feed(stream, (struct octets){ &iov, 0, size }, &out);
}

Test(stream, gives_up_what_is_no_dns)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x55\xaa\x17",
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
	};
	static const size_t sizes[] = { 35, 14, 32 };

	for (size_t i = 0; i < 3; i++) {
		struct stream stream = { 0 };
		cr_assert_eq(feed_text(&stream, texts[i], sizes[i]),
			     STREAM_NONSENSE, "text %zu", i);
		stream_reset(&stream);
	}
}

Test(stream, follows_what_is_malformed_only)
{
	static const uint8_t garbage[] = "\0\20ab\377\377\377\377\377\377"
					 "\377\377\377\377xyz";
	struct stream stream = { 0 };

	for (size_t i = 0; i < 17; i++)
		cr_assert_eq(feed_text(&stream, (const char *)garbage + i, 1),
			     STREAM_MORE);
	cr_assert_neq(stream.half, 0);
	stream_reset(&stream);
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

Test(stream, counts_what_the_pool_has_no_room_for)
{
	static struct stream streams[100000];
	static struct wire in, out;
	size_t n = 0;

	/* Half messages, until there is no block left. */
	append(&in, 60000, 1);
	do
		feed_text(&streams[n], (char *)in.octets, 1000);
	while (streams[n++].half);
	cr_assert_gt(n, 16);
	cr_assert_lt(n, 100, "the pool is bounded");

	struct stream *poor = &streams[n - 1];
	struct iovec rest = { in.octets + 1000, in.size - 1000 };
	cr_assert_eq(
		feed(poor, (struct octets){ &rest, 0, rest.iov_len }, &out),
		STREAM_NO_MEMORY);
	stream_reset(&streams[0]);
	feed_text(poor, (char *)in.octets, 1000);
	cr_assert_neq(poor->half, 0, "a block given back is used again");
}
