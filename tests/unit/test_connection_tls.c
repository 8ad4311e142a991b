/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection that turns out to be TLS, or looks as if it were, and its clear text.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/capture/connection.h"
#include "shim/capture/departed.h"
#include "shim/capture/enqueue.h"
#include "shim/queue.h"

#define FD 7

/* Hellos of 100 octets in all. */
#define CLIENT "\x16\x03\x01\x00\x5f\x01\x00\x00\x5b\x03\x03"
#define SERVER "\x16\x03\x03\x00\x5f\x02\x00\x00\x5b\x03\x03"
#define HELLO  100
#define RANDOM "0123456789abcdef0123456789ABCDEF"

#define POST                                        \
	"POST /dns-query HTTP/1.1\r\n"              \
	"Content-Type: application/dns-message\r\n" \
	"Content-Length: 12\r\n\r\n"
#define OK                                          \
	"HTTP/1.1 200 OK\r\n"                       \
	"Content-Type: application/dns-message\r\n" \
	"Content-Length: 12\r\n\r\n"
#define QUERY    "ab\0\0\0\0\0\0\0\0\0\0"
#define RESPONSE "ab\x80\0\0\0\0\0\0\0\0\0"

static struct queue *_Atomic queue;
static _Atomic uint64_t lost;
static uint64_t now;
static struct fd_info serving = {
	.local = { .octets = { 192, 0, 2, 53 }, .port = 53, .known = true },
	.remote = { .octets = { 192, 0, 2, 1 }, .port = 4242, .known = true },
	.serves = true,
};

#define HTTPS 443
static uint64_t dns_ports[65536 / 64], tls_ports[65536 / 64];

static void connect_as(enum fd_kind kind)
{
	fdtable_fresh(FD, FD_FRESH_TCP);
	fdtable_learn(FD, fdtable_state(FD), kind, &serving);
}

static void begin(void)
{
	queue = queue_new(1000);
	enqueue_begin(&(struct enqueue_setup){
		.queues = 1, .queue = &queue, .lost = &lost });
	now = clock_steady();
	dns_ports[53 / 64] |= 1ull << 53 % 64;
	capture_begin(
		&(struct socket_ports){ .dns = dns_ports, .tls = tls_ports });
	connect_as(FD_STREAM);
}

TestSuite(connection_tls, .init = begin);

static void cross(struct capture_call *call, const void *octets, size_t size)
{
	struct iovec iov = { (void *)octets, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	call->stamp_ns = now++;
	call->copy = 0;
	if (!call->sent) {
		connection_crossed(call, &message, size);
		return;
	}
	departed_copy(call, &message, size);
	connection_land(call, size);
}

/* What the hooks do around a call on the socket. */
static void raw(bool sent, const void *octets, size_t size)
{
	struct capture_call call = { .fd = FD, .sent = sent };

	if (!capture_watches(FD))
		return;
	call.state = fdtable_known(FD, &call.info);
	call.kind = fd_kind(call.state);
	call.sequence = fdtable_sequence(FD, sent);
	cross(&call, octets, size);
}

/* And around one on its session. */
static void clear(bool sent, enum tls_protocol protocol, const void *octets,
		  size_t size)
{
	struct tls_session session = { .handle = &session,
				       .server = (const uint8_t *)RANDOM };
	struct capture_call call;

	cr_assert(tls_enter(&call, tls_find(&session), sent), "it is found");
	tls_end(&session);
	call.protocol = protocol;
	cross(&call, octets, size);
}

static size_t logged(void)
{
	return queue_collect(queue, clock_steady() + NS_PER_S);
}

static const struct event *event(size_t i)
{
	return queue_event(queue, i);
}

static void hello(bool sent, const char *begins)
{
	static char octets[HELLO];

	memcpy(octets, begins, 11);
	memcpy(octets + 11, RANDOM, 32);
	raw(sent, octets, HELLO);
}

static void nothing_dropped(void)
{
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		cr_assert_eq(queue_dropped(queue, cause), 0, "cause %d", cause);
}

static void handshake(enum fd_kind kind)
{
	atomic_store(&capture_active, true);
	connect_as(kind);
	hello(false, CLIENT);
	hello(true, SERVER);
	raw(false, "\x17\x03\x03\0\5abcde", 10);
	cr_assert_eq(fd_kind(fdtable_state(FD)), FD_TLS);
}

static void expect_dns(void)
{
	cr_assert_eq(logged(), 2);
	for (size_t i = 0; i < 2; i++) {
		cr_assert_eq(event(i)->size, 12);
		cr_assert_eq(event(i)->flags & (EVENT_TCP | EVENT_TLS),
			     EVENT_TCP | EVENT_TLS);
		cr_assert(!(event(i)->flags & EVENT_HTTP));
		cr_assert_eq(event(i)->remote_port, 4242);
	}
	nothing_dropped();
}

Test(connection_tls, at_a_port_of_tls)
{
	handshake(FD_TLS_PORT);
	clear(false, TLS_UNNAMED, "\0\14" QUERY, 14);
	raw(true, "\x17\x03\x03\0\5abcde", 10);
	clear(true, TLS_UNNAMED, "\0", 1);
	clear(true, TLS_UNNAMED, "\14" RESPONSE, 13);
	expect_dns();
}

/* Only a library that knows the socket tells that it is TLS; part of the handshake
 * may have passed. */
Test(connection_tls, at_a_port_of_dns)
{
	struct capture_call call;

	atomic_store(&capture_active, true);
	hello(false, CLIENT);
	tls_is_used = false;
	cr_assert(tls_enter(&call, FD, false));
	cr_assert(tls_is_used, "the hooks look");
	hello(true, SERVER);
	cross(&call, "\0\14" QUERY, 14);
	cr_assert(tls_enter(&call, FD, true));
	cross(&call, "\0\14" RESPONSE, 14);
	expect_dns();
}

/* Both sides may be made to say what looks like a handshake. */
Test(connection_tls, looks_alone_tell_nothing_at_a_port_of_dns)
{
	static char octets[2 + 0x1603];

	atomic_store(&capture_active, true);
	memcpy(octets, CLIENT RANDOM, 43);
	raw(false, octets, sizeof(octets));
	memcpy(octets, SERVER RANDOM, 43);
	raw(true, octets, sizeof(octets));
	raw(false, "\0\14" QUERY, 14);
	cr_assert_eq(logged(), 3);
	nothing_dropped();
}

Test(connection_tls, is_told_by_the_second_hello)
{
	static char retry[HELLO] = SERVER
		"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
		"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

	atomic_store(&capture_active, true);
	connect_as(FD_TLS_PORT);
	hello(false, CLIENT);
	raw(true, retry, 60);
	raw(true, retry + 60, HELLO - 60);
	raw(true, "\x14\x03\x03\0\1\1", 6);
	cr_assert_eq(fd_kind(fdtable_state(FD)), FD_TLS_PORT);
	hello(false, CLIENT);
	hello(true, SERVER);
	clear(false, TLS_DNS, "\0\14" QUERY, 14);
	cr_assert_eq(logged(), 1);
	nothing_dropped();
}

Test(connection_tls, no_dns_is_looked_for_outside_at_its_port)
{
	atomic_store(&capture_active, true);
	connect_as(FD_TLS_PORT);
	for (int i = 0; i < 3; i++) {
		raw(false, "\0\14" QUERY, 14);
		raw(true, "\0\14" RESPONSE, 14);
	}
	cr_assert_eq(logged(), 0);
	nothing_dropped();
}

Test(connection_tls, a_session_is_not_found_on_the_next_connection)
{
	struct tls_session session = { .server = (const uint8_t *)RANDOM };

	handshake(FD_TLS_PORT);
	connect_as(FD_TLS_PORT);
	cr_assert_eq(tls_find(&session), -1);
}

/* A handshake within the session changes its random numbers. */
Test(connection_tls, a_session_stays_found)
{
	struct tls_session session = { .handle = &session,
				       .server = (const uint8_t *)RANDOM };

	handshake(FD_TLS_PORT);
	cr_assert_eq(tls_find(&session), FD);
	session.server = NULL;
	cr_assert_eq(tls_find(&session), FD);
	tls_end(&session);
	cr_assert_eq(tls_find(&session), -1);
}

static void expect_http(size_t i, const char *message)
{
	cr_assert_eq(event(i)->size, 12);
	cr_assert_arr_eq(event(i)->payload, message, 12);
	cr_assert_eq(event(i)->exchange, event(0)->exchange);
	cr_assert(event(i)->flags & EVENT_HTTP);
}

Test(connection_tls, speaks_http_by_name)
{
	handshake(FD_TLS_PORT);
	clear(false, TLS_HTTP_1, POST QUERY, sizeof(POST) - 1 + 12);
	clear(true, TLS_HTTP_1, OK RESPONSE, sizeof(OK) - 1 + 12);
	cr_assert_eq(logged(), 2);
	expect_http(0, QUERY);
	expect_http(1, RESPONSE);
	nothing_dropped();
}

/* Of a POST with a body of `size` octets, which begins with some of what a stream of
 * DNS would go on with. Returns it and, in *all, how long it is. */
static char *post(const char *before, size_t size, size_t *all)
{
	char *octets = calloc(1, 256 + size);
	int head = sprintf(octets,
			   "%sPOST /dns-query HTTP/1.1\r\n"
			   "Content-Type: application/dns-message\r\n"
			   "Content-Length: %zu\r\n\r\n",
			   before, size);

	memcpy(octets + head, QUERY, 12);
	*all = head + size;
	return octets;
}

/* Cut anywhere, the request is kept until the server tells what it is. */
Test(connection_tls, speaks_http_without_a_name)
{
	static const uint16_t at[] = { 53, HTTPS };
	static const char *const before[] = { "", "\r\n", "\n" };
	size_t size;

	for (size_t i = 0; i < 2 * 3; i++) {
		char *octets = post(before[i / 2], 12, &size);

		serving.local.port = at[i % 2];
		for (size_t first = 1; first < size; first++) {
			handshake(FD_TLS_PORT);
			clear(false, TLS_UNNAMED, octets, first);
			clear(false, TLS_UNNAMED, octets + first, size - first);
			uint64_t asked = now - 1;
			clear(true, TLS_UNNAMED, OK RESPONSE, 3);
			clear(true, TLS_UNNAMED, &(OK RESPONSE)[3],
			      sizeof(OK) - 1 + 12 - 3);
			cr_assert_eq(logged(), 2, "cut at %zu", first);
			expect_http(0, QUERY);
			expect_http(1, RESPONSE);
			cr_assert_eq(event(0)->stamp_ns, asked);
			queue_release(queue, 2);
		}
		free(octets);
	}
	nothing_dropped();
}

/* As DNS it would be a message of 20,559 octets, and others behind it. */
Test(connection_tls, a_long_request_is_no_dns)
{
	static const uint16_t at[] = { 53, 853, HTTPS };
	size_t size;
	char *octets = post("", 24000, &size);

	for (size_t i = 0; i < 3; i++) {
		serving.local.port = at[i];
		handshake(FD_TLS_PORT);
		clear(false, TLS_UNNAMED, octets, 20000);
		clear(false, TLS_UNNAMED, octets + 20000, size - 20000);
		cr_assert_eq(logged(), 0);
		clear(true, TLS_UNNAMED, OK RESPONSE, sizeof(OK) - 1 + 12);
		clear(false, TLS_UNNAMED, POST QUERY, sizeof(POST) - 1 + 12);
		cr_assert_eq(logged(), 3);
		cr_assert_eq(event(0)->size, 24000);
		expect_http(1, RESPONSE);
		cr_assert_eq(event(2)->size, 12);
		queue_release(queue, 3);
	}
	nothing_dropped();
	free(octets);
}

/* And a client that only looks as if it spoke HTTP does not get away. */
Test(connection_tls, is_not_http_before_the_server_says_so)
{
	static char rest[2 + 0x5052 - 24 + 14];

	memcpy(rest + sizeof(rest) - 14, "\0\14" QUERY, 14);
	handshake(FD_TLS_PORT);
	clear(false, TLS_UNNAMED, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	clear(false, TLS_UNNAMED, rest, sizeof(rest));
	clear(true, TLS_UNNAMED, "\0\14" RESPONSE, 14);
	cr_assert_eq(logged(), 3);
	cr_assert_eq(event(0)->size, 0x5052);
	cr_assert_eq(event(0)->stamp_ns, event(1)->stamp_ns);
	cr_assert(event(2)->flags & EVENT_SENT);
	nothing_dropped();
}

/* At a port of HTTPS also what can be nothing but DNS: there it is for the server to
 * refuse. */
Test(connection_tls, is_not_dns_before_the_server_says_so)
{
	serving.local.port = HTTPS;
	handshake(FD_TLS_PORT);
	clear(false, TLS_UNNAMED, "\0\14" QUERY "\0", 15);
	cr_assert_eq(logged(), 0);
	clear(false, TLS_UNNAMED, "\14" QUERY "\0\14ab", 17);
	clear(true, TLS_UNNAMED, "\0\14" RESPONSE, 14);
	clear(false, TLS_UNNAMED, QUERY + 2, 10);
	cr_assert_eq(logged(), 4);
	cr_assert(event(2)->flags & EVENT_SENT);
	cr_assert_eq(event(3)->size, 12);
	nothing_dropped();
}

/* What nobody tells counts when the connection has ended. */
Test(connection_tls, nobody_says_what_it_is)
{
	serving.local.port = HTTPS;
	handshake(FD_TLS_PORT);
	clear(false, TLS_UNNAMED, "\0\14" QUERY, 14);
	handshake(FD_TLS_PORT);
	cr_assert_eq(logged(), 0);
	cr_assert_eq(queue_dropped(queue, DROP_STREAM), 1);
}

/* More than can be kept. */
Test(connection_tls, too_much_is_said_before_it_is_known)
{
	static char octets[CHAIN_MAX / 2 + 1] = "POST";

	serving.local.port = HTTPS;
	handshake(FD_TLS_PORT);
	for (int i = 0; i < 4; i++)
		clear(false, TLS_UNNAMED, octets, sizeof(octets));
	cr_assert_eq(logged(), 0);
	cr_assert_eq(queue_dropped(queue, DROP_STREAM), 3);
}
