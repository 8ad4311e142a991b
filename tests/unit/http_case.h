/* SPDX-License-Identifier: Apache-2.0
 *
 * Wire of HTTP as a test would write it, and what the cutter makes of it.
 */
#pragma once

#include <criterion/criterion.h>
#include <nghttp2/nghttp2.h>

#include <stdio.h>
#include <string.h>

#include "proto/common.h"
#include "shim/capture/http/http.h"

#define HTTP_WIRE_MAX (1 << 20)

struct http_wire {
	uint8_t octets[HTTP_WIRE_MAX];
	size_t size;
};

static inline void http_put(struct http_wire *wire, const void *octets,
			    size_t size)
{
	cr_assert_leq(wire->size + size, sizeof(wire->octets));
	memcpy(wire->octets + wire->size, octets, size);
	wire->size += size;
}

static inline void http_say(struct http_wire *wire, const char *text)
{
	http_put(wire, text, strlen(text));
}

/* What came out: a line for each cut, "MESSAGE 3 abcdefghijkl" with the stream's
 * number, of a long one its length instead. */
struct http_told {
	char text[1 << 16];
	size_t size;
};

static inline void http_tell(struct http_told *told, enum http_cut cut,
			     struct http_found *found)
{
	static const char *const names[] = {
		[HTTP_SHORT] = "SHORT",
		[HTTP_NO_MEMORY] = "NO_MEMORY",
		[HTTP_UNREAD] = "UNREAD",
		[HTTP_GIVEN_UP] = "GIVEN_UP",
	};
	char octets[64] = "";
	size_t size = found->message.left;

	if (cut != HTTP_MESSAGE) {
		told->size +=
			sprintf(told->text + told->size, "%s\n", names[cut]);
		return;
	}
	if (size < sizeof(octets))
		octets_copy(&found->message, (uint8_t *)octets, size);
	else
		sprintf(octets, "(%zu)", size);
	told->size += sprintf(told->text + told->size, "MESSAGE %u %s\n",
			      found->stream, octets);
}

/* Returns the last cut: HTTP_MORE or HTTP_GIVEN_UP. */
static inline enum http_cut http_feed(http_name name, bool requests,
				      const void *from, size_t size,
				      struct http_told *told)
{
	struct iovec iov = { (void *)from, size };
	struct octets octets = { .iov = &iov, .left = size };
	struct http_found found;
	enum http_cut cut;

	while ((cut = http_next(name, requests, &octets, &found))) {
		http_tell(told, cut, &found);
		if (cut == HTTP_GIVEN_UP)
			break;
	}
	return cut;
}

static inline void http_end(http_name name)
{
	http_close(name);
	http_close(name);
}

/* In pieces: the first, then others of `step` octets. */
static inline void http_feed_pieces(http_name name, bool requests,
				    const struct http_wire *wire, size_t first,
				    size_t step, struct http_told *told)
{
	size_t part = first, at = 0;

	while (http_feed(name, requests, wire->octets + at, part, told) ==
		       HTTP_MORE &&
	       (at += part) < wire->size)
		part = step < wire->size - at ? step : wire->size - at;
}

/* All that the client has sent, then all that the server has, in pieces. */
static inline void http_converse(enum http_version version,
				 const struct http_wire wire[2],
				 const size_t first[2], size_t step,
				 const char *expected)
{
	static struct http_told told;
	http_name name = http_open(version);

	cr_assert_neq(name, 0);
	told = (struct http_told){ .size = 0 };
	http_feed_pieces(name, true, &wire[1], first[1], step, &told);
	http_feed_pieces(name, false, &wire[0], first[0], step, &told);
	cr_assert_str_eq(told.text, expected, "cut at %zu, %zu, then %zu",
			 first[1], first[0], step);
	http_end(name);
}

/* `wire` has what the server says, then what the client does. However it is cut the
 * same must come out. */
static inline void http_expect(enum http_version version,
			       const struct http_wire wire[2],
			       const char *expected)
{
	static const size_t none[2];

	for (size_t step = 1; step < 30; step += 4)
		http_converse(version, wire, none, step, expected);
	for (int side = 0; side < 2; side++) {
		size_t size = wire[side].size, cut[2] = { 0 };
		size_t stride = size > 20000 ? size / 97 : 1;
		for (; cut[side] <= size; cut[side] += stride)
			http_converse(version, wire, cut, HTTP_WIRE_MAX,
				      expected);
	}
}
