/* SPDX-License-Identifier: Apache-2.0
 *
 * The cutter of HTTP. The first octet of the input says which version, how long the
 * pieces are, and what the rest is: octets of either direction, of which the same
 * must come out whole and in pieces; or what a client does that means well, of whose
 * messages each must come out.
 */
#include <nghttp2/nghttp2.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/capture/http/http.h"

#define PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define WIRE_MAX (1 << 20)
#define ENOUGH   6000 /* octets of a wire, so that one input takes no time */
#define TYPE     "application/dns-message"

struct input {
	const uint8_t *at;
	size_t left;
};

static unsigned next(struct input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

/* What was cut, or ought to be. */
struct sum {
	uint64_t cuts, octets, hash;
};

static void add(struct sum *sum, enum http_cut cut, const uint8_t *octets,
		size_t size)
{
	sum->cuts++;
	sum->octets += size;
	sum->hash = sum->hash * 31 + cut;
	for (size_t i = 0; i < size; i++)
		sum->hash = sum->hash * 31 + octets[i];
}

static enum http_cut feed(http_name name, bool requests, const uint8_t *data,
			  size_t size, struct sum *sum)
{
	static uint8_t copy[65535];
	/* Of its own, so that the sanitizer sees its end. */
	uint8_t *exact = memcpy(malloc(size + !size), data, size);
	struct iovec iov[2] = { { exact, size / 3 },
				{ exact + size / 3, size - size / 3 } };
	struct octets octets = { .iov = iov, .left = size };
	struct http_found found;
	enum http_cut cut;

	while ((cut = http_next(name, requests, &octets, &found))) {
		size = 0;
		if (cut == HTTP_MESSAGE) {
			size = found.message.left;
			octets_copy(&found.message, copy, size);
			sum->hash = sum->hash * 31 + found.stream;
		}
		add(sum, cut, copy, size);
		if (cut == HTTP_GIVEN_UP)
			break;
	}
	if (!cut && octets.left)
		abort();
	free(exact);
	return cut;
}

static void feed_pieces(http_name name, bool requests, const uint8_t *data,
			size_t size, size_t piece, struct sum *sum)
{
	for (size_t at = 0; at < size; at += piece) {
		size_t part = size - at < piece ? size - at : piece;
		if (feed(name, requests, data + at, part, sum) == HTTP_GIVEN_UP)
			return;
	}
}

static void must_be_same(const struct sum *one, const struct sum *other)
{
	if (memcmp(one, other, sizeof(*one)))
		abort();
}

/* The client's octets come behind one that says how many there are. */
static void any_octets(enum http_version version, size_t piece,
		       struct input *input)
{
	struct sum sums[2] = { 0 };
	size_t size = next(input) * 16;

	if (size > input->left)
		size = input->left;
	for (int pieces = 0; pieces < 2; pieces++) {
		http_name name = http_open(version);
		size_t most = pieces ? piece : 1 << 20;
		struct sum *sum = &sums[pieces];
		if (version == HTTP_2)
			feed(name, true, (uint8_t *)PREFACE,
			     sizeof(PREFACE) - 1, sum);
		feed_pieces(name, true, input->at, size, most, sum);
		feed_pieces(name, false, input->at + size, input->left - size,
			    most, sum);
		http_close(name);
		http_close(name);
	}
	must_be_same(&sums[0], &sums[1]);
}

static struct {
	uint8_t octets[WIRE_MAX];
	size_t size;
} wire;

static void put(const void *octets, size_t size)
{
	if (size > sizeof(wire.octets) - wire.size)
		abort();
	memcpy(wire.octets + wire.size, octets, size);
	wire.size += size;
}

static void say(const char *text)
{
	put(text, strlen(text));
}

struct message {
	uint8_t octets[3000];
	size_t size;
};

static void make(struct input *input, struct message *message)
{
	unsigned seed = next(input);

	message->size = 12 + next(input) * (next(input) % 8);
	for (size_t i = 0; i < message->size; i++)
		message->octets[i] = seed * 7 + i * (seed | 1);
}

/* base64url; returns characters. */
static size_t encode(const struct message *message, char *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				     "nopqrstuvwxyz0123456789-_";
	size_t n = 0;
	uint32_t bits = 0, have = 0;

	for (size_t i = 0; i < message->size; i++) {
		bits = bits << 8 | message->octets[i];
		for (have += 8; have >= 6; have -= 6)
			to[n++] = digits[bits >> (have - 6) & 63];
	}
	if (have)
		to[n++] = digits[bits << (6 - have) & 63];
	to[n] = 0;
	return n;
}

static void expect(struct sum *sum, uint32_t number,
		   const struct message *message)
{
	sum->hash = sum->hash * 31 + number;
	add(sum, HTTP_MESSAGE, message->octets, message->size);
}

static void chunks(struct input *input, const struct message *message)
{
	char line[40];

	for (size_t at = 0; at < message->size;) {
		size_t part = 1 + next(input) * 3;
		if (part > message->size - at)
			part = message->size - at;
		sprintf(line, part % 2 ? "%zx\r\n" : "0%zX ;a=b\r\n", part);
		say(line);
		put(message->octets + at, part);
		say("\r\n");
		at += part;
	}
	say(next(input) % 2 ? "0\r\n\r\n" : "00\r\nx: y\r\n\r\n");
}

static void one_of_http1(struct input *input, uint32_t number, struct sum *sum)
{
	static struct message message;
	static char text[5000];
	unsigned way = next(input);

	make(input, &message);
	if (way % 4 == 0) {
		say(way & 16 ? "GET /?dns=" : "GET /dns-query?x=y&dns=");
		encode(&message, text);
		say(text);
		say(way & 32 ? "&z HTTP/1.1\r\nHost: x\r\n\r\n"
			     : " HTTP/1.1\r\n\r\n");
	} else if (way % 4 == 3) {
		sprintf(text, "%s / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
			way & 16 ? "PUT" : "GET", message.size);
		say(text);
		put(message.octets, message.size);
		return;
	} else {
		say("POST / HTTP/1.1\r\nContent-Type:" TYPE "\r\n");
		if (way % 4 == 1) {
			sprintf(text, "Content-Length: %zu\r\n\r\n",
				message.size);
			say(text);
			put(message.octets, message.size);
		} else {
			say("Transfer-Encoding: chunked\r\n\r\n");
			chunks(input, &message);
		}
	}
	expect(sum, number, &message);
}

static void good_http1(struct input *input, struct sum *sum)
{
	for (uint32_t number = 1; input->left && wire.size < ENOUGH; number++)
		one_of_http1(input, number, sum);
}

static void frame(unsigned type, unsigned flags, uint32_t stream,
		  const void *payload, size_t size, unsigned padding)
{
	uint8_t head[10] = { 0, 0, 0, type, flags | (padding ? 8 : 0) };
	static const uint8_t zeroes[256];
	size_t all = size + padding;

	head[1] = all >> 8;
	head[2] = all;
	head[7] = stream >> 8;
	head[8] = stream;
	head[9] = padding - 1;
	put(head, padding ? 10 : 9);
	put(payload, size);
	if (padding)
		put(zeroes, padding - 1);
}

/* What may stand between any two. */
static void between(struct input *input)
{
	static const uint8_t octets[64];

	switch (next(input) % 8) {
	case 0:
		frame(6, 0, 0, octets, 8, 0);
		break;
	case 1:
		frame(2, 0, 99, octets, 5, 0);
		break;
	case 2:
		frame(99, 255, 5, octets, 60, 0);
		break;
	case 3:
		frame(4, 0, 0, octets, 6, 0);
		break;
	default:
		break;
	}
}

static void block(struct input *input, nghttp2_hd_deflater *deflater,
		  uint32_t stream, nghttp2_nv *fields, size_t count, bool ends)
{
	static uint8_t octets[20000];
	size_t size = nghttp2_hd_deflate_hd(deflater, octets, sizeof(octets),
					    fields, count);
	size_t at = next(input) * size / 256, padding = next(input) % 4;
	bool whole = next(input) % 2;

	if (whole)
		at = size;
	frame(1, ends | (whole ? 4 : 0), stream, octets, at, padding);
	if (whole)
		return;
	size_t middle = at + next(input) * (size - at) / 256;
	frame(9, 0, stream, octets + at, middle - at, 0);
	frame(9, 4, stream, octets + middle, size - middle, 0);
}

#define FIELD(name, value)                                               \
	{                                                                \
		(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, \
			strlen(value), 0                                 \
	}

static void post(struct input *input, nghttp2_hd_deflater *deflater,
		 uint32_t stream)
{
	static char other[5000];

	memset(other, 0, sizeof(other));
	memset(other, 'a' + stream % 26, 1 + next(input) * (next(input) % 16));
	nghttp2_nv fields[] = {
		FIELD(":method", "POST"),
		FIELD(":path", "/"),
		FIELD("x-other", other),
		FIELD("content-type", TYPE),
	};
	block(input, deflater, stream, fields, 4, false);
}

static void get(struct input *input, nghttp2_hd_deflater *deflater,
		uint32_t stream, const struct message *message)
{
	static char path[5000];

	strcpy(path, "/?dns=");
	encode(message, path + 6);
	nghttp2_nv fields[] = {
		FIELD(":path", path),
		FIELD(":method", "GET"),
	};
	block(input, deflater, stream, fields, 2, true);
}

#define OPEN 8 /* streams at one time */

static struct {
	struct message message;
	uint32_t stream; /* 0: none */
	size_t sent;
} streams[OPEN];

static void go_on(struct input *input, int i, struct sum *sum)
{
	size_t part = next(input) * (1 + next(input) % 12);
	size_t left = streams[i].message.size - streams[i].sent;
	bool ends = part >= left;

	if (part > left)
		part = left;
	frame(0, ends, streams[i].stream,
	      streams[i].message.octets + streams[i].sent, part,
	      next(input) % 8);
	streams[i].sent += part;
	if (!ends)
		return;
	expect(sum, streams[i].stream, &streams[i].message);
	streams[i].stream = 0;
}

static void good_http2(struct input *input, struct sum *sum)
{
	static const uint8_t reset[4];
	nghttp2_hd_deflater *deflater;
	uint32_t stream = 1;

	nghttp2_hd_deflate_new(&deflater, 4096);
	memset(streams, 0, sizeof(streams));
	say(PREFACE);
	while (input->left && wire.size < ENOUGH) {
		int way = next(input), i = way / 8 % OPEN;
		between(input);
		if (streams[i].stream && way % 8 == 7) {
			frame(3, 0, streams[i].stream, reset, 4, 0);
			streams[i].stream = 0;
		} else if (streams[i].stream) {
			go_on(input, i, sum);
		} else {
			make(input, &streams[i].message);
			if (way % 8 < 3) {
				get(input, deflater, stream,
				    &streams[i].message);
				expect(sum, stream, &streams[i].message);
			} else {
				post(input, deflater, stream);
				streams[i].stream = stream;
				streams[i].sent = 0;
			}
			stream += 2;
		}
	}
	nghttp2_hd_deflate_del(deflater);
}

static void good_client(enum http_version version, size_t piece,
			struct input *input)
{
	struct sum good = { 0 }, sum = { 0 };
	http_name name = http_open(version);

	wire.size = 0;
	if (version == HTTP_1)
		good_http1(input, &good);
	else
		good_http2(input, &good);
	feed_pieces(name, true, wire.octets, wire.size, piece, &sum);
	http_close(name);
	http_close(name);
	must_be_same(&good, &sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	unsigned way = next(&input);
	size_t piece = 1 + (way >> 2) * (way >> 2);

	if (way & 2)
		good_client(way & 1, piece, &input);
	else
		any_octets(way & 1, piece, &input);
	return 0;
}
