/* SPDX-License-Identifier: Apache-2.0
 *
 * The cutter of HTTP/2: whole conversations, cut anywhere; what a client can do to
 * be misread; and memory.
 */
#include "tests/unit/http_case.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
	DATA,
	HEADERS,
	PRIORITY,
	RST_STREAM,
	SETTINGS,
	PUSH_PROMISE,
	PING,
	GOAWAY,
	WINDOW_UPDATE,
	CONTINUATION
};
enum { END_STREAM = 1, END_HEADERS = 4, PADDED = 8, WITH_PRIORITY = 32 };

static struct http_wire wire[2]; /* the server's, the client's */
#define SERVER (&wire[0])
#define CLIENT (&wire[1])
static nghttp2_hd_deflater *deflater[2];

static void begin(void)
{
	for (int side = 0; side < 2; side++) {
		wire[side].size = 0;
		nghttp2_hd_deflate_new(&deflater[side], 4096);
	}
	http_say(CLIENT, PREFACE);
}

static void end(void)
{
	for (int side = 0; side < 2; side++)
		nghttp2_hd_deflate_del(deflater[side]);
}

TestSuite(http2, .init = begin, .fini = end);

static void frame(struct http_wire *to, int type, int flags, uint32_t stream,
		  const void *payload, size_t size)
{
	uint8_t head[9] = { size >> 16,   size >> 8,   size,
			    type,         flags,       stream >> 24,
			    stream >> 16, stream >> 8, stream };

	http_put(to, head, sizeof(head));
	http_put(to, payload, size);
}

struct block {
	uint8_t octets[1 << 18];
	size_t size;
};

/* Of names and values in turn, up to a NULL. */
static void deflate(struct http_wire *to, const char *const *fields,
		    struct block *block)
{
	nghttp2_nv nv[32];
	size_t n = 0;

	for (; *fields; fields += 2)
		nv[n++] =
			(nghttp2_nv){ (uint8_t *)fields[0],
				      (uint8_t *)fields[1], strlen(fields[0]),
				      strlen(fields[1]), NGHTTP2_NV_FLAG_NONE };
	ssize_t size =
		nghttp2_hd_deflate_hd(deflater[to == CLIENT], block->octets,
				      sizeof(block->octets), nv, n);
	cr_assert_gt(size, 0);
	block->size = size;
}

static void headers(struct http_wire *to, int flags, uint32_t stream,
		    const char *const *fields)
{
	static struct block block;

	deflate(to, fields, &block);
	frame(to, HEADERS, flags | END_HEADERS, stream, block.octets,
	      block.size);
}

#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define POST                                                         \
	FIELDS(":method", "POST", ":scheme", "https", ":authority",  \
	       "dns.example", ":path", "/dns-query", "content-type", \
	       "application/dns-message")
#define GET(path) FIELDS(":method", "GET", ":scheme", "https", ":path", path)
#define OK        FIELDS(":status", "200", "content-type", "application/dns-message")

static void data(struct http_wire *to, int flags, uint32_t stream,
		 const char *text)
{
	frame(to, DATA, flags, stream, text, strlen(text));
}

Test(http2, posts_and_answers)
{
	frame(CLIENT, SETTINGS, 0, 0, "\0\3\0\0\0\144", 6);
	headers(CLIENT, 0, 1, POST);
	data(CLIENT, END_STREAM, 1, "question one");
	headers(CLIENT, 0, 3, POST);
	data(CLIENT, END_STREAM, 3, "question two");
	frame(SERVER, SETTINGS, 0, 0, "", 0);
	frame(SERVER, SETTINGS, 1, 0, "", 0);
	headers(SERVER, 0, 3, OK);
	data(SERVER, END_STREAM, 3, "an answer two");
	headers(SERVER, 0, 1, OK);
	data(SERVER, END_STREAM, 1, "an answer one");
	http_expect(HTTP_2, wire,
		    "MESSAGE 1 question one\n"
		    "MESSAGE 3 question two\n"
		    "MESSAGE 3 an answer two\n"
		    "MESSAGE 1 an answer one\n");
}

Test(http2, streams_interleave)
{
	headers(CLIENT, 0, 1, POST);
	data(CLIENT, 0, 1, "first ");
	headers(CLIENT, 0, 3, POST);
	data(CLIENT, 0, 3, "other ");
	data(CLIENT, 0, 1, "message");
	frame(CLIENT, PING, 0, 0, "12345678", 8);
	data(CLIENT, 0, 3, "message");
	data(CLIENT, END_STREAM, 3, "");
	data(CLIENT, END_STREAM, 1, "");
	http_expect(HTTP_2, wire,
		    "MESSAGE 3 other message\n"
		    "MESSAGE 1 first message\n");
}

Test(http2, gets)
{
	headers(CLIENT, END_STREAM, 1, GET("/dns-query?dns=cXVlc3Rpb24gb25l"));
	headers(CLIENT, END_STREAM, 3,
		GET("/q?a=b&dns=cXVlc3Rpb24gdHdvLg&c=d"));
	headers(CLIENT, END_STREAM, 5,
		GET("/?dns=cXVlc3Rpb24gdGhyZWU%3D&dn=bm90aGluZyBvZiBETlM"));
	headers(CLIENT, END_STREAM, 7, GET("/?ct&dns=Pz8_Pj4-Pz8_Pj4-"));
	headers(CLIENT, END_STREAM, 9, GET("/index.html?dnS=x&xdns=y&dns"));
	headers(CLIENT, END_STREAM, 11, GET("/?dns=c3Vl"));
	headers(CLIENT, END_STREAM, 13, GET("/?dns="));
	http_expect(HTTP_2, wire,
		    "MESSAGE 1 question one\n"
		    "MESSAGE 3 question two.\n"
		    "MESSAGE 5 question three\n"
		    "MESSAGE 7 ??\?>>>??\?>>>\n"
		    "SHORT\nSHORT\n");
}

/* As dig asks: the end comes in a frame of its own, which may be padded. */
Test(http2, gets_that_end_later)
{
	headers(CLIENT, 0, 1, GET("/?dns=cXVlc3Rpb24gb25l"));
	headers(CLIENT, 0, 3, GET("/?dns=cXVlc3Rpb24gdHdvLg"));
	frame(CLIENT, DATA, PADDED | END_STREAM, 3, "\3\0\0\0", 4);
	data(CLIENT, 0, 1, "");
	data(CLIENT, END_STREAM, 1, "");
	headers(CLIENT, 0, 5, GET("/?dns="));
	data(CLIENT, END_STREAM, 5, "");
	headers(CLIENT, 0, 7, GET("/index.html"));
	data(CLIENT, END_STREAM, 7, "");
	for (uint32_t stream = 1; stream < 6; stream += 2)
		headers(SERVER, END_STREAM, stream, OK);
	http_expect(HTTP_2, wire,
		    "MESSAGE 3 question two.\n"
		    "MESSAGE 1 question one\n"
		    "SHORT\n");
}

/* One that is answered before its end has been counted by then. */
Test(http2, gets_that_end_too_late)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	headers(CLIENT, 0, 1, GET("/?dns=cXVlc3Rpb24gb25l"));
	headers(SERVER, END_STREAM, 1, OK);
	size_t size = CLIENT->size;
	data(CLIENT, END_STREAM, 1, "");
	http_feed(name, true, CLIENT->octets, size, &told);
	http_feed(name, false, SERVER->octets, SERVER->size, &told);
	http_feed(name, true, CLIENT->octets + size, CLIENT->size - size,
		  &told);
	cr_assert_str_eq(told.text, "UNREAD\n");
	http_end(name);
}

/* Of each some server reads this message, part of it, another one or none. */
Test(http2, gets_that_are_unclear_count_if_they_are_answered)
{
	static const char *const queries[] = {
		"?dns=cXVlc3Rpb24gb25l#cXVl",
		"?dns=cXVlc3Rpb24gb25l===",
		"?dns=cXVlc3Rpb24gb25l=cXVl",
		"?dns=cXVlc3Rpb24gb25l%",
		"?dns=cXVlc3Rpb24gb25l%3",
		"?dns=cXVlc3Rpb24gb25l%3g",
		"?dns=cXVlc3Rpb24gb25l%00",
		"?dns=cXVlc3Rpb24gb25%6c",
		"?dns=cXVlc3Rpb24gb25l c",
		"?dns=cXVlc3Rpb24gb25l!x",
		"?dns=cXVlc3Rpb24gb25lZ",
		"?dns=Pz8/Pj4+Pz8/Pj4+",
		"?dns=cXVlc3Rpb24gb25l&dns=cXVlc3Rpb24gdHdv",
		"?dns=cXVlc3Rpb24gb25l&&x",
		"?&dns=cXVlc3Rpb24gb25l",
		"?x?dns=cXVlc3Rpb24gb25l",
		"?x;dns=cXVlc3Rpb24gb25l",
		"?x#&dns=cXVlc3Rpb24gb25l",
		"#?dns=cXVlc3Rpb24gb25l",
		"?%64ns=cXVlc3Rpb24gb25l",
	};
	char path[100], expected[4000] = "";

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		sprintf(path, "/%s", queries[i]);
		headers(CLIENT, END_STREAM, 1 + 2 * i, GET(path));
		headers(SERVER, 0, 1 + 2 * i, OK);
		data(SERVER, END_STREAM, 1 + 2 * i, "an answer one");
		sprintf(expected + strlen(expected),
			"UNREAD\nMESSAGE %zu an answer one\n", 1 + 2 * i);
	}
	http_expect(HTTP_2, wire, expected);
}

#define UNTYPED FIELDS(":method", "POST", ":path", "/")
#define WITH(method, path)                                       \
	FIELDS(":method", method, ":path", path, "content-type", \
	       "application/dns-message")

/* The same of methods and bodies. One of the responses has no body, and three are no
 * answers. */
Test(http2, requests_that_are_unclear_count_if_they_are_answered)
{
	static const char target[] = "/?dns=cXVlc3Rpb24gb25l";

	headers(CLIENT, 0, 1, UNTYPED);
	data(CLIENT, END_STREAM, 1, "question two");
	headers(CLIENT, END_STREAM, 3, WITH("PUT", target));
	headers(CLIENT, END_STREAM, 5, WITH("HEAD", target));
	headers(CLIENT, 0, 7, WITH("POST", target));
	data(CLIENT, END_STREAM, 7, "question two");
	headers(CLIENT, 0, 9, WITH("GET", target));
	data(CLIENT, END_STREAM, 9, "question two");
	headers(CLIENT, END_STREAM, 11,
		FIELDS(":method", "GET", ":method", "PUT", ":path", target));
	for (uint32_t stream = 13; stream < 18; stream += 2)
		headers(CLIENT, END_STREAM, stream, WITH("PUT", target));
	for (uint32_t stream = 1; stream < 12; stream += 2)
		headers(SERVER, END_STREAM, stream, OK);
	headers(SERVER, END_STREAM, 13, FIELDS(":status", "200"));
	headers(SERVER, END_STREAM, 15,
		FIELDS(":status", "100", "content-type",
		       "application/dns-message"));
	headers(SERVER, END_STREAM, 17,
		FIELDS(":status", "400", "content-type",
		       "application/dns-message"));
	http_expect(HTTP_2, wire,
		    "UNREAD\nUNREAD\nUNREAD\nUNREAD\nUNREAD\nUNREAD\n");
}

/* What is counted as lost counts once, and what the client says is encoded is not: no
 * server decodes it. */
Test(http2, requests_that_are_counted_are_not_unread)
{
	headers(CLIENT, 0, 1, POST);
	data(CLIENT, END_STREAM, 1, "short");
	headers(CLIENT, END_STREAM, 3, GET("/?dns="));
	headers(CLIENT, 0, 5,
		FIELDS(":method", "POST", "content-encoding", "gzip",
		       "content-type", "application/dns-message"));
	data(CLIENT, END_STREAM, 5, "question two");
	for (uint32_t stream = 1; stream < 6; stream += 2)
		headers(SERVER, END_STREAM, stream, OK);
	http_expect(HTTP_2, wire, "SHORT\nSHORT\nMESSAGE 5 question two\n");
}

/* More than are remembered, none of which the client waits for: those that it does
 * wait for are not forgotten. */
Test(http2, requests_without_a_response_are_forgotten)
{
	static const uint32_t last = 1 + 2 * 2000;

	for (uint32_t stream = 1; stream <= last; stream += 2)
		headers(CLIENT, END_STREAM, stream,
			GET("/?dns=cXVlc3Rpb24gb25l"));
	for (uint32_t stream = last - 200; stream <= last; stream += 2)
		headers(SERVER, END_STREAM, stream, OK);
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	told = (struct http_told){ .size = 0 };
	http_feed(name, false, SERVER->octets, SERVER->size, &told);
	cr_assert_str_eq(told.text, "");
	http_end(name);
}

/* Padding, priority, a block in three frames, trailers. */
Test(http2, frames_have_much_beside)
{
	static struct block block;
	static uint8_t payload[1000];

	deflate(CLIENT, POST, &block);
	memset(payload, 0, sizeof(payload));
	payload[0] = 3;
	payload[5] = 16;
	memcpy(payload + 6, block.octets, 10);
	frame(CLIENT, HEADERS, PADDED | WITH_PRIORITY, 1, payload, 6 + 10 + 3);
	frame(CLIENT, CONTINUATION, 0, 1, block.octets + 10, 1);
	frame(CLIENT, CONTINUATION, 0, 1, "", 0);
	frame(CLIENT, CONTINUATION, END_HEADERS, 1, block.octets + 11,
	      block.size - 11);
	frame(CLIENT, DATA, PADDED, 1, "\4begin, \0\0\0\0", 12);
	frame(CLIENT, DATA, PADDED, 1, "\0middle, ", 9);
	frame(CLIENT, DATA, PADDED, 1, "\2\0\0", 3);
	data(CLIENT, 0, 1, "end");
	headers(CLIENT, END_STREAM, 1, FIELDS("x-trailer", "yes"));
	headers(CLIENT, 0, 3, POST);
	frame(CLIENT, DATA, PADDED | END_STREAM, 3, "\5question two\0\0\0\0\0",
	      18);
	headers(SERVER, 0, 1, FIELDS(":status", "103", "x-early", "hint"));
	headers(SERVER, 0, 1, OK);
	data(SERVER, 0, 1, "answer one.");
	headers(SERVER, END_STREAM, 1, FIELDS("x-trailer", "again"));
	http_expect(HTTP_2, wire,
		    "MESSAGE 1 begin, middle, end\n"
		    "MESSAGE 3 question two\n"
		    "SHORT\n");
}

Test(http2, only_dns_is_cut)
{
	headers(CLIENT, 0, 1,
		FIELDS(":method", "POST", "content-type", "application/json"));
	data(CLIENT, END_STREAM, 1, "{ nothing of DNS }");
	headers(CLIENT, 0, 3,
		FIELDS(":method", "POST", "content-type",
		       "Application/DNS-Message ; charset=utf-8"));
	data(CLIENT, END_STREAM, 3, "question two");
	headers(CLIENT, 0, 5,
		FIELDS(":method", "PUT", "content-type",
		       "application/dns-message"));
	data(CLIENT, END_STREAM, 5, "is no question");
	headers(CLIENT, 0, 7,
		FIELDS(":method", "POST", "content-type",
		       "application/dns-messages"));
	data(CLIENT, END_STREAM, 7, "is no question");
	data(CLIENT, END_STREAM, 9, "of no stream");
	headers(CLIENT, END_STREAM, 11,
		FIELDS(":method", "HEAD", ":path", "/?dns=AAAAAAAAAAAAAAAA"));
	headers(SERVER, 0, 1, FIELDS(":status", "200"));
	data(SERVER, END_STREAM, 1, "nothing of DNS");
	http_expect(HTTP_2, wire, "MESSAGE 3 question two\n");
}

Test(http2, what_is_no_message_is_malformed)
{
	headers(CLIENT, END_STREAM, 1, POST);
	headers(CLIENT, 0, 3, POST);
	data(CLIENT, END_STREAM, 3, "short");
	headers(CLIENT, 0, 5,
		FIELDS(":method", "POST", "content-length", "12",
		       "content-type", "application/dns-message"));
	data(CLIENT, END_STREAM, 5, "more than that");
	headers(CLIENT, 0, 9, POST);
	data(CLIENT, END_STREAM, 9, "question two");
	headers(SERVER, 0, 9,
		FIELDS(":status", "200", "content-encoding", "gzip",
		       "content-type", "application/dns-message"));
	data(SERVER, END_STREAM, 9, "compressed octets");
	http_expect(HTTP_2, wire,
		    "SHORT\nSHORT\nSHORT\nMESSAGE 9 question two\nSHORT\n");
}

Test(http2, long_messages)
{
	static uint8_t octets[65536];
	static const size_t most = 16384;

	for (int n = 0; n < 2; n++) {
		size_t size = 65535 + n;
		headers(CLIENT, 0, 1 + 2 * n, POST);
		for (size_t at = 0; at < size; at += most)
			frame(CLIENT, DATA, size - at <= most ? END_STREAM : 0,
			      1 + 2 * n, octets,
			      size - at < most ? size - at : most);
	}
	http_expect(HTTP_2, wire, "MESSAGE 1 (65535)\nSHORT\n");
}

/* Frames that are larger than servers allow for at first. */
Test(http2, long_messages_in_a_frame)
{
	static uint8_t octets[65536];

	for (int n = 0; n < 2; n++) {
		headers(CLIENT, 0, 1 + 2 * n, POST);
		frame(CLIENT, DATA, END_STREAM, 1 + 2 * n, octets, 65535 + n);
	}
	http_expect(HTTP_2, wire, "MESSAGE 1 (65535)\nSHORT\n");
}

/* Streams go upwards: what comes on one that was passed over is no request. */
Test(http2, streams_are_not_opened_again)
{
	headers(CLIENT, 0, 5, POST);
	data(CLIENT, END_STREAM, 5, "question one");
	headers(CLIENT, 0, 3, POST);
	data(CLIENT, END_STREAM, 3, "question two");
	headers(CLIENT, END_STREAM, 5, GET("/?dns=cXVlc3Rpb24gb25l"));
	headers(CLIENT, END_STREAM, 7, GET("/?dns=cXVlc3Rpb24gb25l"));
	http_expect(HTTP_2, wire,
		    "MESSAGE 5 question one\nMESSAGE 7 question one\n");
}

Test(http2, of_two_paths_none_counts)
{
	headers(CLIENT, END_STREAM, 1,
		FIELDS(":method", "GET", ":path", "/?dns=cXVlc3Rpb24gb25l",
		       ":path", "/?dns=bm90aGluZyBvZiBETlM"));
	headers(CLIENT, END_STREAM, 3,
		FIELDS(":method", "GET", ":path", "/", ":path",
		       "/?dns=bm90aGluZyBvZiBETlM"));
	http_expect(HTTP_2, wire, "");
}

/* A reset ends what its sender has sent half of. What the other side sends until it has
 * read it crosses all the same. */
Test(http2, resets_end_what_is_half)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	headers(CLIENT, 0, 1, POST);
	data(CLIENT, 0, 1, "half of ");
	frame(CLIENT, RST_STREAM, 0, 1, "\0\0\0\10", 4);
	data(CLIENT, END_STREAM, 1, "a message");
	headers(CLIENT, 0, 3, POST);
	data(CLIENT, 0, 3, "half of ");
	headers(CLIENT, 0, 5, POST);
	data(CLIENT, 0, 5, "question ");
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	frame(SERVER, RST_STREAM, 0, 3, "\0\0\0\7", 4);
	http_feed(name, false, SERVER->octets, SERVER->size, &told);
	CLIENT->size = 0;
	data(CLIENT, END_STREAM, 3, "a message");
	data(CLIENT, END_STREAM, 5, "three");
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	cr_assert_str_eq(told.text, "MESSAGE 3 half of a message\n"
				    "MESSAGE 5 question three\n");
	http_end(name);
}

/* A client resets one response after the other half-way. Whoever sends them may end
 * them yet, until there are too many of them. */
Test(http2, resets_leave_few_responses_behind)
{
	enum { MOST = 128 };
	static struct http_told told, asked;
	http_name name = http_open(HTTP_2);

	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	for (uint32_t n = 0; n < MOST + 2; n++) {
		uint32_t stream = 1 + 2 * n;

		CLIENT->size = SERVER->size = 0;
		headers(CLIENT, END_STREAM, stream,
			GET("/?dns=cXVlc3Rpb24gb25l"));
		http_feed(name, true, CLIENT->octets, CLIENT->size, &asked);
		CLIENT->size = 0;
		headers(SERVER, 0, stream, OK);
		data(SERVER, 0, stream, "half of ");
		http_feed(name, false, SERVER->octets, SERVER->size, &told);
		frame(CLIENT, RST_STREAM, 0, stream, "\0\0\0\10", 4);
		http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
		if (n < MOST)
			cr_assert_str_eq(told.text, "");
	}
	SERVER->size = 0;
	data(SERVER, END_STREAM, 1, "a message");
	data(SERVER, END_STREAM, 2 * MOST + 1, "a message");
	http_feed(name, false, SERVER->octets, SERVER->size, &told);
	cr_assert_str_eq(told.text, "NO_MEMORY\nNO_MEMORY\n"
				    "MESSAGE 257 half of a message\n");
	http_end(name);
}

Test(http2, half_streams_are_bounded)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);
	char expected[200] = "";

	for (int n = 0; n < 130; n++) {
		headers(CLIENT, 0, 1 + 2 * n, POST);
		data(CLIENT, 0, 1 + 2 * n, "half of");
	}
	data(CLIENT, END_STREAM, 3, " a message");
	headers(CLIENT, 0, 301, POST);
	data(CLIENT, END_STREAM, 301, "question one");
	data(CLIENT, END_STREAM, 257, " nothing");
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	strcat(expected, "NO_MEMORY\nNO_MEMORY\nMESSAGE 3 half of a message\n"
			 "MESSAGE 301 question one\n");
	cr_assert_str_eq(told.text, expected);
	http_end(name);
}

/* All of the pool's small blocks are there. */
static void check_pool(void)
{
	size_t n = 0;

	while (pool_take(POOL_SMALL))
		n++;
	cr_assert_eq(n, 8192);
}

/* A connection that leaves everything half through does not have all of the pool. */
Test(http2, what_is_half_is_bounded)
{
	static uint8_t octets[60000];
	char expected[4000] = "";

	for (int n = 0; n < 40; n++) {
		headers(CLIENT, 0, 1 + 2 * n, POST);
		data(CLIENT, 0, 1 + 2 * n, "half of");
	}
	for (int n = 0; n < 40; n++) {
		data(CLIENT, END_STREAM, 1 + 2 * n, " a message");
		sprintf(expected + strlen(expected),
			n < 32 ? "MESSAGE %d half of a message\n"
			       : "NO_MEMORY\n",
			1 + 2 * n);
	}
	for (int n = 0; n < 5; n++) {
		headers(CLIENT, 0, 101 + 2 * n, POST);
		frame(CLIENT, DATA, 0, 101 + 2 * n, octets, sizeof(octets));
	}
	for (int n = 0; n < 5; n++)
		data(CLIENT, END_STREAM, 101 + 2 * n, "!");
	for (int n = 0; n < 4; n++)
		sprintf(expected + strlen(expected), "MESSAGE %d (60001)\n",
			101 + 2 * n);
	strcat(expected, "NO_MEMORY\n");
	headers(CLIENT, END_STREAM, 301, GET("/?dns=cXVlc3Rpb24gb25l"));
	strcat(expected, "MESSAGE 301 question one\n");
	http_expect(HTTP_2, wire, expected);
}

/* However many it resets, one that it waits for is not taken for one that was unclear. */
Test(http2, resets_leave_a_request_that_waits)
{
	static char expected[1 << 15] = "MESSAGE 1 question one\n";
	size_t size = strlen(expected);
	uint32_t stream = 3;

	headers(CLIENT, 0, 1, POST);
	data(CLIENT, END_STREAM, 1, "question one");
	for (; stream < 3 + 2 * 600; stream += 2) {
		headers(CLIENT, END_STREAM, stream,
			GET("/?dns=cXVlc3Rpb24gb25l"));
		frame(CLIENT, RST_STREAM, 0, stream, "\0\0\0\10", 4);
		size += sprintf(expected + size, "MESSAGE %u question one\n",
				stream);
	}
	headers(SERVER, 0, 1, OK);
	data(SERVER, END_STREAM, 1, "an answer one");
	/* Its answer was on its way. */
	headers(SERVER, 0, stream - 2, OK);
	data(SERVER, END_STREAM, stream - 2, "an answer two");
	sprintf(expected + size,
		"MESSAGE 1 an answer one\n"
		"MESSAGE %u an answer two\n",
		stream - 2);
	http_expect(HTTP_2, wire, expected);
}

/* Four messages and half of a fifth have come when the server resets so many. */
static void reset_some(int resets, const char *expected)
{
	enum { SIZE = 60000, BEHIND = SIZE - 1000 };
	static uint8_t octets[SIZE];
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	for (int n = 0; n < 5; n++)
		headers(CLIENT, 0, 1 + 2 * n, POST);
	for (int n = 0; n < 5; n++)
		frame(CLIENT, DATA, 0, 1 + 2 * n, octets, SIZE);
	http_feed(name, true, CLIENT->octets, CLIENT->size - BEHIND, &told);
	for (int n = 0; n < resets; n++)
		frame(SERVER, RST_STREAM, 0, 1 + 2 * n, "\0\0\0\7", 4);
	http_feed(name, false, SERVER->octets, SERVER->size, &told);
	data(CLIENT, END_STREAM, 9, "!");
	http_feed(name, true, CLIENT->octets + CLIENT->size - BEHIND - 10,
		  BEHIND + 10, &told);
	cr_assert_str_eq(told.text, expected);
	http_end(name);
	check_pool();
}

/* What was reset makes room for the one that is being read. */
Test(http2, what_was_reset_makes_room)
{
	reset_some(4, "MESSAGE 9 (60001)\n");
}

Test(http2, what_is_read_may_have_been_reset)
{
	reset_some(5, "MESSAGE 9 (60001)\n");
}

/* Blocks of pushed requests are read as well, and are nothing of the stream's that
 * they come in, whatever flags they have. */
Test(http2, pushes_keep_the_table_in_step)
{
	static struct block block;
	static uint8_t payload[1000] = { 2, 0, 0, 0, 2 };

	for (uint32_t stream = 1; stream < 4; stream += 2)
		headers(CLIENT, END_STREAM, stream,
			GET("/?dns=cXVlc3Rpb24gb25l"));
	headers(SERVER, 0, 1, OK);
	data(SERVER, 0, 1, "an answer to ");
	deflate(SERVER,
		FIELDS(":method", "GET", ":path", "/", "content-type",
		       "application/dns-message", "x-b", "two"),
		&block);
	memcpy(payload + 5, block.octets, block.size);
	frame(SERVER, PUSH_PROMISE, PADDED | END_HEADERS | END_STREAM, 1,
	      payload, 5 + block.size + 2);
	data(SERVER, END_STREAM, 1, "one");
	headers(SERVER, 0, 3,
		FIELDS(":status", "200", "x-b", "two", "content-type",
		       "application/dns-message"));
	data(SERVER, END_STREAM, 3, "an answer to three");
	headers(SERVER, 0, 2, OK);
	data(SERVER, END_STREAM, 2, "what was pushed");
	http_expect(HTTP_2, wire,
		    "MESSAGE 1 question one\nMESSAGE 3 question one\n"
		    "MESSAGE 1 an answer to one\n"
		    "MESSAGE 3 an answer to three\n"
		    "MESSAGE 2 what was pushed\n");
}

/* A table as large as one may be, filled again and again. */
Test(http2, larger_tables_are_followed)
{
	char value[400];

	nghttp2_hd_deflate_del(deflater[0]);
	nghttp2_hd_deflate_new(&deflater[0], 65536);
	nghttp2_hd_deflate_change_table_size(deflater[0], 65536);
	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = 0;
	for (int n = 0; n < 1000; n++) {
		sprintf(value, "%d", n);
		value[strlen(value)] = '.';
		headers(SERVER, END_STREAM, 1,
			FIELDS(":status", "200", "x-a", value));
	}
	headers(SERVER, 0, 3, OK);
	data(SERVER, END_STREAM, 3, "the last answer");
	http_expect(HTTP_2, wire, "UNREAD\nMESSAGE 3 the last answer\n");
}

Test(http2, a_table_that_is_too_large_is_given_up)
{
	nghttp2_hd_deflate_del(deflater[0]);
	nghttp2_hd_deflate_new(&deflater[0], 1 << 20);
	nghttp2_hd_deflate_change_table_size(deflater[0], 1 << 20);
	headers(SERVER, 0, 1, OK);
	http_expect(HTTP_2, wire, "GIVEN_UP\n");
}

/* Fields as long as nghttp2 reads them, of all lengths: what was decoded for a
 * moment is not kept. */
Test(http2, long_fields_pass)
{
	static char value[65000];
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	for (uint32_t stream = 1; stream < 129; stream += 2) {
		CLIENT->size = 0;
		memset(value, 'a' + stream % 26, sizeof(value));
		value[stream * 500] = 0;
		headers(CLIENT, 0, stream,
			FIELDS(":method", "POST", "cookie", value, value, value,
			       "content-type", "application/dns-message"));
		data(CLIENT, END_STREAM, stream, "still a question");
		told.size = 0;
		http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
		cr_assert_eq(memcmp(told.text, "MESSAGE", 7), 0);
	}
	http_end(name);
}

/* What every server ends the connection for. */
static void gives_up(const char *what, int type, int flags, uint32_t stream,
		     const void *payload, size_t size)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	CLIENT->size = sizeof(PREFACE) - 1;
	frame(CLIENT, type, flags, stream, payload, size);
	frame(CLIENT, PING, 0, 0, "12345678", 8);
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	cr_assert_str_eq(told.text, "GIVEN_UP\n", "%s", what);
	cr_assert_eq(http_feed(name, true, "x", 1, &told), HTTP_GIVEN_UP);
	http_end(name);
}

Test(http2, what_no_server_bears_is_given_up)
{
	gives_up("data of no stream", DATA, 0, 0, "a", 1);
	gives_up("a header of no stream", HEADERS, 4, 0, "\x82", 1);
	gives_up("a server's stream", HEADERS, 4, 2, "\x82", 1);
	gives_up("padding without end", DATA, PADDED, 1, "\2a", 2);
	gives_up("no room for padding", DATA, PADDED, 1, "", 0);
	gives_up("no room for priority", HEADERS, 4 | WITH_PRIORITY, 1, "1234",
		 4);
	gives_up("a pushing client", PUSH_PROMISE, 4, 1, "\0\0\0\2\x82", 5);
	gives_up("a long reset", RST_STREAM, 0, 1, "12345", 5);
	gives_up("no block to go on with", CONTINUATION, 4, 1, "\x82", 1);
	gives_up("something in a block", HEADERS, 0, 1, "\x82", 1);
	gives_up("index 0", HEADERS, 4, 1, "\x80", 1);
	gives_up("an index that is not there", HEADERS, 4, 1, "\xbe", 1);
	gives_up("half a field", HEADERS, 4, 1, "\x40\x02x", 3);
}

Test(http2, a_block_goes_on_in_its_own_stream)
{
	frame(CLIENT, HEADERS, 0, 1, "\x82", 1);
	frame(CLIENT, CONTINUATION, 4, 3, "\x84", 1);
	http_expect(HTTP_2, wire, "GIVEN_UP\n");
}

Test(http2, without_its_preface_it_is_none)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	http_feed(name, true, "PRI * HTTP/2.1", 14, &told);
	cr_assert_str_eq(told.text, "GIVEN_UP\n");
	http_end(name);
}

/* Fields of 32 octets as the table counts them, which take the most memory. */
Test(http2, a_flood_of_fields_is_followed)
{
	static uint8_t block[30000];
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	for (size_t i = 0; i < sizeof(block); i += 3)
		memcpy(block + i, "\x40\0\0", 3);
	for (int n = 0; n < 30; n++)
		frame(CLIENT, HEADERS, END_HEADERS | END_STREAM, 1 + 2 * n,
		      block, sizeof(block));
	headers(CLIENT, 0, 101, POST);
	data(CLIENT, END_STREAM, 101, "still a question");
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	cr_assert_str_eq(told.text, "MESSAGE 101 still a question\n");
	http_end(name);
}

Test(http2, gives_back_what_is_half_when_it_gives_up)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	headers(CLIENT, 0, 1, POST);
	data(CLIENT, 0, 1, "half of");
	headers(CLIENT, 0, 3, GET("/?dns=cXVlc3Rpb24gb25lcXVlc3Rpb24gb25l"));
	data(CLIENT, END_STREAM, 0, "to no stream");
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	cr_assert_str_eq(told.text, "GIVEN_UP\n");
	check_pool();
}

Test(http2, gives_back_what_is_half_when_it_ends)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_2);

	headers(CLIENT, 0, 1, POST);
	data(CLIENT, 0, 1, "half of");
	headers(CLIENT, 0, 3, GET("/?dns=cXVlc3Rpb24gb25lcXVlc3Rpb24gb25l"));
	data(CLIENT, 0, 1, " a message");
	data(CLIENT, END_STREAM, 1, "");
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	cr_assert_str_eq(told.text, "MESSAGE 1 half of a message\n");
	http_end(name);
	check_pool();
}
