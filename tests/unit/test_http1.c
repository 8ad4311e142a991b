/* SPDX-License-Identifier: Apache-2.0
 *
 * The cutter of HTTP/1.1: whole conversations, cut anywhere, and what a client can
 * do to be misread.
 */
#include "tests/unit/http_case.h"

static struct http_wire wire[2]; /* the server's, the client's */
#define SERVER (&wire[0])
#define CLIENT (&wire[1])

#define TYPE "Content-Type: application/dns-message\r\n"
#define POST "POST /dns-query HTTP/1.1\r\nHost: dns.example\r\n" TYPE

Test(http1, posts_and_answers)
{
	http_say(CLIENT, POST "Content-Length: 12\r\n\r\nquestion one");
	http_say(CLIENT, "post / HTTP/1.1\r\n" TYPE
			 "content-length: 12\r\n\r\nno method so");
	http_say(CLIENT, "POST /dns-query HTTP/1.1\r\n"
			 "CONTENT-TYPE:\t Application/DNS-message;q=1 \r\n"
			 "CONTENT-LENGTH:012 \r\n\r\nquestion two");
	http_say(SERVER, "HTTP/1.1 200 OK\r\n" TYPE
			 "Content-Length: 13\r\n\r\nan answer one");
	http_say(SERVER, "HTTP/1.1 501 No\r\nContent-Length: 20\r\n\r\n"
			 "<html>no DNS.</html>");
	http_say(SERVER, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\n"
			 "Transfer-Encoding: Chunked\r\n" TYPE "\r\n"
			 "3\r\nan \r\nA;x=\"y:z\"\r\nanswer two\r\n"
			 "000\r\nX-Trailer: yes\r\n\r\n");
	http_expect(HTTP_1, wire,
		    "MESSAGE 1 question one\nMESSAGE 3 question two\n"
		    "MESSAGE 1 an answer one\nMESSAGE 3 an answer two\n");
}

Test(http1, gets)
{
	http_say(CLIENT, "GET /dns-query?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n"
			 "Accept: application/dns-message\r\n\r\n");
	http_say(CLIENT,
		 "GET /index.html HTTP/1.1\r\nContent-Length: 3\r\n" TYPE
		 "\r\nabc\r\n");
	http_say(CLIENT, "GET /?a&dns=cXVlc3Rpb24gdHdvLg%3d%3d HTTP/1.0\r\n"
			 "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n");
	http_say(CLIENT, "GET /?dns=YWJj HTTP/1.1\r\n\r\n");
	http_say(CLIENT, "GET /?dns= HTTP/1.1\r\n\r\n");
	http_expect(HTTP_1, wire,
		    "MESSAGE 1 question one\nMESSAGE 3 question two.\n"
		    "SHORT\nSHORT\n");
}

#define ANSWER \
	"HTTP/1.1 200 OK\r\n" TYPE "Content-Length: 13\r\n\r\nan answer one"

/* Servers differ in what they read from these, but for those that come first and
 * last. Who answers one has read a message that is not in the log. */
Test(http1, requests_that_are_unclear_count_if_they_are_answered)
{
	http_say(CLIENT, "GET /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	http_say(CLIENT, "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n"
			 "question two");
	http_say(CLIENT, "GET /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n" TYPE
			 "Content-Length: 12\r\n\r\nquestion two");
	http_say(CLIENT, "GET /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n" TYPE
			 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	http_say(CLIENT, "GET /?x?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	http_say(CLIENT, "PUT /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	http_say(CLIENT, "HEAD /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	http_say(CLIENT, "POST / HTTP/1.1\r\nContent-Length: 12\r\n" TYPE
			 "Content-Encoding: x\r\n\r\nquestion two");
	for (int n = 1; n <= 6; n++)
		http_say(SERVER, ANSWER);
	http_say(SERVER,
		 "HTTP/1.1 200 OK\r\n" TYPE "Content-Length: 13\r\n\r\n");
	http_say(SERVER, ANSWER);
	http_expect(HTTP_1, wire,
		    "MESSAGE 1 question one\nMESSAGE 8 question two\n"
		    "MESSAGE 1 an answer one\n"
		    "UNREAD\nMESSAGE 2 an answer one\n"
		    "UNREAD\nMESSAGE 3 an answer one\n"
		    "UNREAD\nMESSAGE 4 an answer one\n"
		    "UNREAD\nMESSAGE 5 an answer one\n"
		    "UNREAD\nMESSAGE 6 an answer one\n"
		    "UNREAD\nMESSAGE 8 an answer one\n");
}

Test(http1, gets_of_any_length)
{
	static char target[100000];

	/* 65,535 octets and 65,536 are 87,380 characters and 87,382. */
	for (int n = 0; n < 2; n++) {
		memset(target, 'A', sizeof(target));
		target[87380 + 2 * n] = 0;
		http_say(CLIENT, "GET /?dns=");
		http_say(CLIENT, target);
		http_say(CLIENT, " HTTP/1.1\r\n\r\n");
	}
	http_expect(HTTP_1, wire, "MESSAGE 1 (65535)\nSHORT\n");
}

Test(http1, long_lines_pass)
{
	static char value[60000];

	memset(value, 'v', sizeof(value) - 1);
	http_say(CLIENT, "POST / HTTP/1.1\r\n");
	for (int n = 0; n < 2; n++) {
		http_say(CLIENT, n ? "X-Long: " : "");
		http_say(CLIENT, value);
		http_say(CLIENT, n ? "\r\n" : ": x\r\n");
	}
	http_say(CLIENT, "Content-Type:");
	memset(value, ' ', 1000);
	value[1000] = 0;
	http_say(CLIENT, value);
	http_say(CLIENT, "application/dns-message;");
	http_say(CLIENT, value);
	http_say(CLIENT, "x\r\nContent-Length: ");
	http_say(CLIENT, value);
	http_say(CLIENT, "12\r\n\r\nquestion one");
	http_expect(HTTP_1, wire, "MESSAGE 1 question one\n");
}

/* No body comes behind these, whatever they say. */
Test(http1, responses_without_a_body)
{
	http_say(CLIENT, "HEAD /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	http_say(CLIENT, POST "Content-Length: 12\r\n\r\nquestion one");
	http_say(CLIENT, "HEAD / HTTP/1.1\r\n\r\n");
	http_say(CLIENT, "OPTIONS * HTTP/1.1\r\n\r\n");
	http_say(CLIENT, POST "Content-Length: 12\r\n\r\nquestion two");
	http_say(SERVER,
		 "HTTP/1.1 200 OK\r\n" TYPE "Content-Length: 13\r\n\r\n");
	http_say(SERVER, "HTTP/1.1 304 Not Modified\r\n" TYPE
			 "Content-Length: 13\r\n\r\n");
	http_say(SERVER, "HTTP/1.1 200 OK\r\n" TYPE "\r\n");
	http_say(SERVER, "HTTP/1.1 204 No Content\r\n" TYPE "\r\n");
	http_say(SERVER, "HTTP/1.1 200 OK\r\n" TYPE
			 "Content-Length: 13\r\n\r\nan answer two");
	http_expect(HTTP_1, wire,
		    "MESSAGE 2 question one\nMESSAGE 5 question two\n"
		    "UNREAD\nUNREAD\nMESSAGE 5 an answer two\n");
}

Test(http1, more_heads_than_can_be_remembered)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_1);

	for (int n = 0; n < 65; n++) {
		cr_assert_str_eq(told.text, "");
		http_say(CLIENT, "HEAD / HTTP/1.1\r\n\r\n");
		http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
		CLIENT->size = 0;
	}
	http_feed(name, false, "", 0, &told);
	cr_assert_str_eq(told.text, "GIVEN_UP\nGIVEN_UP\n");
	http_end(name);
}

/* Pipelined without end, as long as none is a HEAD; and HEADs without end, as long
 * as they are answered. */
Test(http1, more_requests_than_bits)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_1);

	for (int n = 0; n < 200; n++) {
		CLIENT->size = SERVER->size = 0;
		http_say(CLIENT, "HEAD / HTTP/1.1\r\n\r\n");
		http_say(SERVER,
			 "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
		http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
		http_feed(name, false, SERVER->octets, SERVER->size, &told);
	}
	CLIENT->size = SERVER->size = 0;
	for (int n = 0; n < 200; n++) {
		http_say(CLIENT, "GET / HTTP/1.1\r\n\r\n");
		http_say(SERVER,
			 "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nnot DNS");
	}
	http_say(CLIENT, "GET / HTTP/1.1\r\n\r\n");
	http_say(SERVER, "HTTP/1.1 200 OK\r\n" TYPE
			 "Content-Length: 13\r\n\r\nan answer 401");
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	http_feed(name, false, SERVER->octets, SERVER->size, &told);
	cr_assert_str_eq(told.text, "UNREAD\nMESSAGE 401 an answer 401\n");
	http_end(name);
}

/* Chunked wins, so that nothing is smuggled past. */
Test(http1, both_framings)
{
	http_say(CLIENT, POST "Content-Length: 5\r\n"
			      "Transfer-Encoding: chunked\r\n\r\n"
			      "c\r\nquestion one\r\n0\r\n\r\n");
	http_say(CLIENT, POST "Content-Length: 12\r\nContent-Length:12\r\n\r\n"
			      "question two");
	http_expect(HTTP_1, wire,
		    "MESSAGE 1 question one\nMESSAGE 2 question two\n");
}

Test(http1, what_is_no_message_is_malformed)
{
	http_say(CLIENT, POST "Content-Length: 5\r\n\r\nshort");
	http_say(CLIENT, POST "\r\n");
	http_say(CLIENT, POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	http_say(CLIENT, POST "Content-Length: 12\r\n\r\nquestion two");
	http_say(SERVER,
		 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" TYPE "\r\n");
	http_expect(HTTP_1, wire,
		    "SHORT\nSHORT\nSHORT\n"
		    "MESSAGE 4 question two\n");
}

/* Whoever reads it some other way finds a message in it. */
static void gives_up(const char *text)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_1);

	http_feed(name, true, text, strlen(text), &told);
	http_feed(name, false, "HTTP/1.1 200", 12, &told);
	cr_assert_str_eq(told.text, "GIVEN_UP\nGIVEN_UP\n", "%s", text);
	http_end(name);
}

#define BODY    "\r\n\r\nquestion one"
#define CHUNKED "\r\n\r\nc\r\nquestion one\r\n0\r\n\r\n"

Test(http1, lengths_that_servers_differ_in_are_given_up)
{
	gives_up(POST "Content-Length: 12\r\nContent-Length: 13" BODY);
	gives_up(POST "Content-Length: 13\r\nContent-Length: 12" BODY);
	gives_up(POST "Content-Length: 12, 12" BODY);
	gives_up(POST "Content-Length: +12" BODY);
	gives_up(POST "Content-Length: 0x0c" BODY);
	gives_up(POST "Content-Length:" BODY);
	gives_up(POST "Content-Length: 99999999999999999999" BODY);
	gives_up(POST "Content-Length: 12\r\nContent-Length : 13" BODY);
	gives_up(POST "Content-Length\r\nContent-Length: 12" BODY);
	gives_up(POST " Content-Length: 12" BODY);
	gives_up(POST "Content-Length: 12\r\n\t3" BODY);
	gives_up(POST "X: y\r\n\tContent-Length: 12" BODY);
}

Test(http1, codings_that_servers_differ_in_are_given_up)
{
	gives_up(POST "Transfer-Encoding: gzip, chunked" CHUNKED);
	gives_up(POST "Transfer-Encoding: gzip\r\n"
		      "Transfer-Encoding: chunked" CHUNKED);
	gives_up(POST "Transfer-Encoding: xchunked" CHUNKED);
	gives_up(POST "Transfer-Encoding: xchunked\r\n"
		      "Content-Length: 12" BODY);
	gives_up("POST / HTTP/1.0\r\n" TYPE
		 "Transfer-Encoding: chunked" CHUNKED);
}

#define CHUNK POST "Transfer-Encoding: chunked\r\n\r\n"

Test(http1, chunks_that_servers_differ_in_are_given_up)
{
	gives_up(CHUNK "\r\nc\r\nquestion one\r\n0\r\n\r\n");
	gives_up(CHUNK "xc\r\nquestion one\r\n0\r\n\r\n");
	gives_up(CHUNK "+c\r\nquestion one\r\n0\r\n\r\n");
	gives_up(CHUNK "cx\r\nquestion one\r\n0\r\n\r\n");
	gives_up(CHUNK "1000000000000000c\r\nquestion one\r\n0\r\n\r\n");
	gives_up(CHUNK "c\r\nquestion one?\r\n0\r\n\r\n");
}

Test(http1, lines_that_servers_differ_in_are_given_up)
{
	gives_up(POST "X: a\rb\r\nContent-Length: 12" BODY);
	gives_up(POST "X: a\001b\r\nContent-Length: 12" BODY);
	gives_up(POST "X: a\177b\r\nContent-Length: 12" BODY);
	gives_up(POST ": x\r\nContent-Length: 12" BODY);
	gives_up(POST "X\r\nContent-Length: 12" BODY);
	gives_up("GET /?dns=cXVlc3Rpb24gb25l\r\n\r\n");
	gives_up("GET  /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	gives_up("GET /?dns=cXVlc3Rpb24gb25l HTTP/1.1 \r\n\r\n");
	gives_up("GET /?dns=cXVlc3Rpb24gb25l HTTP/2.0\r\n\r\n");
	gives_up("GET /?dns=cXVlc3Rpb24gb25l HTTP/1.10\r\n\r\n");
	gives_up("GET/?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	gives_up("HTTP/1.1\r\n\r\n");
}

Test(http1, what_becomes_another_protocol_is_given_up)
{
	gives_up("CONNECT dns.example:443 HTTP/1.1\r\n\r\n"
		 "GET /?dns=cXVlc3Rpb24gb25l HTTP/1.1\r\n\r\n");
	gives_up("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

/* Longer than what is kept of a line. */
Test(http1, digits_without_end)
{
	static char text[10000] = POST "Content-Length: ";
	size_t size = strlen(text);

	memset(text + size, '0', 500);
	strcpy(text + size + 500, "12" BODY);
	gives_up(text);
	strcpy(text, CHUNK);
	size = strlen(text);
	memset(text + size, '0', 500);
	strcpy(text + size + 500, "c\r\nquestion one\r\n0\r\n\r\n");
	gives_up(text);
}

static void response_gives_up(const char *text, const char *expected)
{
	struct http_told told = { .size = 0 };
	http_name name = http_open(HTTP_1);

	CLIENT->size = SERVER->size = 0;
	http_say(CLIENT, POST "Content-Length: 12\r\n\r\nquestion one");
	http_say(SERVER, text);
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	http_feed(name, false, SERVER->octets, SERVER->size, &told);
	http_feed(name, true, CLIENT->octets, CLIENT->size, &told);
	cr_assert_str_eq(told.text, expected, "%s", text);
	http_end(name);
}

Test(http1, responses_that_cannot_be_followed)
{
	static const char its_own[] = "MESSAGE 1 question one\nGIVEN_UP\n"
				      "MESSAGE 2 question one\n";

	response_gives_up("HTTP/1.1 200 OK\r\n" TYPE "\r\nto the end", its_own);
	response_gives_up("HTTP/1.1 099 OK\r\n", its_own);
	response_gives_up("HTTP/1.1 20 OK\r\n", its_own);
	response_gives_up("HTTP/1.1 2000 OK\r\n", its_own);
	response_gives_up("ICY 200 OK\r\n", its_own);
	response_gives_up("HTTP/1.1 101 Switching Protocols\r\n"
			  "Upgrade: h2c\r\n\r\n",
			  "MESSAGE 1 question one\nGIVEN_UP\nGIVEN_UP\n");
}
