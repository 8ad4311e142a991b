/* SPDX-License-Identifier: Apache-2.0
 *
 * The session against a collector that follows a script, over a socketpair. No
 * test waits: each says what time it is.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/tap/stream/session.h"

/* Control frames: escape, length, type, then one field: a content type. */
#define CONTENT "\0\0\0\1\0\0\0\26protobuf:dnstap.Dnstap"
#define READY   "\0\0\0\0\0\0\0\42\0\0\0\4" CONTENT
#define ACCEPT  "\0\0\0\0\0\0\0\42\0\0\0\1" CONTENT
#define START   "\0\0\0\0\0\0\0\42\0\0\0\2" CONTENT
#define STOP    "\0\0\0\0\0\0\0\4\0\0\0\3"
#define FINISH  "\0\0\0\0\0\0\0\4\0\0\0\5"

#define ACCEPT_ANY      "\0\0\0\0\0\0\0\4\0\0\0\1"
#define ACCEPT_OTHER    "\0\0\0\0\0\0\0\15\0\0\0\1\0\0\0\1\0\0\0\1x"
#define ACCEPT_BOTH     "\0\0\0\0\0\0\0\53\0\0\0\1\0\0\0\1\0\0\0\1x" CONTENT
#define ACCEPT_OVERSIZE "\0\0\0\0\0\0\2\1\0\0\0\1"

/* The transport under test: one end of a socketpair, and how much a write may
 * take before it would block. */
struct scripted {
	struct transport transport;
	size_t budget;
	bool connecting;
	size_t cut, closes;
};

static struct scripted *now_scripted;
static int peer = -1;

static int scripted_open(struct transport *transport)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
		return -errno;
	if (peer >= 0)
		close(peer);
	transport->fd = ends[0];
	peer = ends[1];
	return now_scripted->connecting ? -EAGAIN : 0;
}

static int scripted_establish(struct transport *transport)
{
	(void)transport;
	return now_scripted->connecting ? -EAGAIN : 0;
}

static ssize_t scripted_write(struct transport *transport, const void *data,
			      size_t size)
{
	struct scripted *scripted = (struct scripted *)transport;

	if (!scripted->budget)
		return -EAGAIN;
	if (size > scripted->budget)
		size = scripted->budget;
	ssize_t n = transport_socket_write(transport, data, size);
	if (n > 0)
		scripted->budget -= n;
	return n;
}

static void scripted_close(struct transport *transport)
{
	now_scripted->closes += transport->fd >= 0;
	transport_socket_close(transport);
}

static const struct transport_ops scripted_ops = {
	.size = sizeof(struct scripted),
	.open = scripted_open,
	.establish = scripted_establish,
	.read = transport_socket_read,
	.write = scripted_write,
	.close = scripted_close,
};

static struct session *begin(bool unidirectional)
{
	now_scripted = calloc(1, sizeof(*now_scripted));
	now_scripted->transport = (struct transport){ .ops = &scripted_ops,
						      .fd = -1,
						      .room = UINT64_MAX };
	now_scripted->budget = SIZE_MAX;
	struct session *session =
		session_new(&now_scripted->transport, unidirectional);
	cr_assert_not_null(session);
	cr_assert_eq(session_open(session, 0), 0);
	return session;
}

static void tell(const char *octets, size_t size)
{
	cr_assert_eq(send(peer, octets, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* What has come since the last time is exactly this. */
static void expect(const char *octets, size_t size)
{
	char got[4096];
	ssize_t n = recv(peer, got, sizeof(got), MSG_DONTWAIT);

	cr_assert_eq(n < 0 ? 0 : n, (ssize_t)size, "%zd octets, not %zu", n,
		     size);
	cr_assert_arr_eq(got, octets, size);
}

#define TELL(text)   tell(text, sizeof(text) - 1)
#define EXPECT(text) expect(text, sizeof(text) - 1)

static void advance(struct session *session)
{
	cr_assert_eq(session_advance(session, 0), 0);
}

static void put(struct session *session, const char *text)
{
	uint8_t *room = session_reserve(session, 100);

	cr_assert_not_null(room);
	memcpy(room, text, strlen(text));
	session_commit(session, strlen(text));
}

/* READY, ACCEPT, START are over. */
static struct session *streaming(void)
{
	struct session *session = begin(false);

	advance(session);
	EXPECT(READY);
	TELL(ACCEPT);
	advance(session);
	EXPECT(START);
	cr_assert_eq(session_state(session), SESSION_STREAMING);
	return session;
}

static void check_fails(struct session *session, uint64_t now, int error)
{
	cr_assert_eq(session_advance(session, now), error);
	cr_assert_eq(session_state(session), SESSION_CLOSED);
}

Test(session, goes_from_ready_to_finish)
{
	struct session *session = streaming();

	put(session, "one");
	put(session, "three");
	advance(session);
	EXPECT("\0\0\0\3one\0\0\0\5three");
	cr_assert_eq(session_counts(session)->frames, 2);
	cr_assert_eq(session_counts(session)->octets, 16);
	session_stop(session);
	advance(session);
	EXPECT(STOP);
	cr_assert_eq(session_state(session), SESSION_STOPPING);
	TELL(FINISH);
	advance(session);
	cr_assert_eq(session_state(session), SESSION_CLOSED);
	cr_assert_eq(session_counts(session)->disconnects, 0);
	session_free(session);
}

Test(session, sends_what_was_there_before_the_connection)
{
	struct session *session = begin(false);

	put(session, "early");
	session_stop(session);
	advance(session);
	EXPECT(READY);
	TELL(ACCEPT);
	advance(session);
	EXPECT(START "\0\0\0\5early" STOP);
	session_free(session);
}

Test(session, needs_no_answers_when_unidirectional)
{
	struct session *session = begin(true);

	put(session, "one");
	advance(session);
	EXPECT(START "\0\0\0\3one");
	TELL("whatever it says, even \0\0\0\0\0\0\0\4\0\0\0\5");
	advance(session);
	session_stop(session);
	advance(session);
	EXPECT(STOP);
	cr_assert_eq(session_state(session), SESSION_CLOSED);
	session_free(session);
}

static void check_accepts(const char *octets, size_t size)
{
	struct session *session = begin(false);

	advance(session);
	EXPECT(READY);
	tell(octets, size);
	advance(session);
	EXPECT(START);
	session_free(session);
}

Test(session, accepts_any_of_several_content_types)
{
	check_accepts(ACCEPT, sizeof(ACCEPT) - 1);
	check_accepts(ACCEPT_ANY, sizeof(ACCEPT_ANY) - 1);
	check_accepts(ACCEPT_BOTH, sizeof(ACCEPT_BOTH) - 1);
}

static void check_refuses(const char *octets, size_t size)
{
	struct session *session = begin(false);

	advance(session);
	tell(octets, size);
	check_fails(session, 0, -EPROTO);
	EXPECT(READY);
	cr_assert_neq(*session_error(session), '\0');
	cr_assert_eq(session_counts(session)->handshake_failures, 1);
	session_free(session);
}

#define CHECK_REFUSES(text) check_refuses(text, sizeof(text) - 1)

Test(session, refuses_everything_else)
{
	CHECK_REFUSES(ACCEPT_OTHER);
	CHECK_REFUSES(ACCEPT_OVERSIZE);
	CHECK_REFUSES(FINISH);
	CHECK_REFUSES(START);
	CHECK_REFUSES("HTTP/1.0 400 Bad Request\r\n\r\n");
	CHECK_REFUSES("\0\0\0\0\0\0\0\0\0\0\0\0");
	CHECK_REFUSES("\0\0\0\0\377\377\377\377\0\0\0\1");
	CHECK_REFUSES("\0\0\0\0\0\0\0\14\0\0\0\1\0\0\0\1\0\0\1\0");
}

Test(session, takes_an_answer_octet_by_octet)
{
	struct session *session = begin(false);

	advance(session);
	EXPECT(READY);
	for (size_t i = 0; i < sizeof(ACCEPT) - 1; i++) {
		cr_assert_eq(session_state(session), SESSION_GREETING);
		tell(&ACCEPT[i], 1);
		advance(session);
	}
	EXPECT(START);
	session_free(session);
}

Test(session, finishes_ready_even_if_accepted_before)
{
	struct session *session = begin(false);

	now_scripted->budget = 10;
	advance(session);
	TELL(ACCEPT);
	advance(session);
	now_scripted->budget = SIZE_MAX;
	advance(session);
	EXPECT(READY START);
	session_free(session);
}

Test(session, goes_on_after_short_writes)
{
	struct session *session = streaming();

	put(session, "one");
	put(session, "three");
	for (int i = 0; i < 16; i++) {
		now_scripted->budget = 1;
		advance(session);
		cr_assert_eq(session_counts(session)->frames,
			     (i >= 6) + (i >= 15));
	}
	EXPECT("\0\0\0\3one\0\0\0\5three");
	session_free(session);
}

Test(session, sends_a_frame_again_that_was_cut)
{
	struct session *session = streaming();

	put(session, "one");
	put(session, "three");
	now_scripted->budget = 12;
	advance(session);
	EXPECT("\0\0\0\3one\0\0\0\5t");
	close(peer);
	peer = -1;
	check_fails(session, 0, -ECONNRESET);
	cr_assert_eq(session_unsent(session), 1);

	now_scripted->budget = SIZE_MAX;
	cr_assert_eq(session_open(session, 0), 0);
	advance(session);
	EXPECT(READY);
	TELL(ACCEPT);
	advance(session);
	EXPECT(START "\0\0\0\5three");
	cr_assert_eq(session_counts(session)->frames, 2);
	cr_assert_eq(session_counts(session)->disconnects, 1);
	session_free(session);
}

static uint64_t deadline(const struct session *session)
{
	uint64_t at;
	short events;

	session_poll(session, &events, &at);
	return at;
}

Test(session, gives_up_a_collector_that_never_accepts)
{
	struct session *session = begin(false);

	advance(session);
	cr_assert_eq(session_advance(session, deadline(session) - 1), 0);
	check_fails(session, deadline(session), -ETIMEDOUT);
	cr_assert_str_eq(session_error(session), "no ACCEPT within 5 s");
	session_free(session);
}

Test(session, gives_up_a_connection_that_never_comes)
{
	struct session *session = begin(false);

	now_scripted->connecting = true;
	session_close(session);
	cr_assert_eq(session_open(session, 0), 0);
	advance(session);
	cr_assert_eq(session_state(session), SESSION_CONNECTING);
	check_fails(session, deadline(session), -ETIMEDOUT);
	session_free(session);
}

Test(session, gives_up_a_collector_that_takes_nothing)
{
	struct session *session = streaming();

	now_scripted->budget = 0;
	put(session, "one");
	cr_assert_eq(deadline(session), UINT64_MAX);
	advance(session);
	cr_assert_eq(deadline(session), SESSION_STALL_MS * NS_PER_MS);
	now_scripted->budget = 1;
	advance(session);
	check_fails(session, deadline(session), -ETIMEDOUT);
	cr_assert_eq(session_unsent(session), 1);
	session_free(session);
}

Test(session, does_not_insist_on_finish)
{
	struct session *session = streaming();

	session_stop(session);
	advance(session);
	cr_assert_eq(deadline(session), SESSION_FINISH_MS * NS_PER_MS);
	check_fails(session, deadline(session), 0);
	session_free(session);

	session = streaming();
	session_stop(session);
	advance(session);
	close(peer);
	peer = -1;
	check_fails(session, 0, 0);
	session_free(session);
}

Test(session, notices_a_hang_up_while_idle)
{
	struct session *session = streaming();
	uint64_t none;
	short events;

	cr_assert_geq(session_poll(session, &events, &none), 0);
	cr_assert_eq(events, POLLIN);
	close(peer);
	peer = -1;
	check_fails(session, 0, -ECONNRESET);
	cr_assert_str_eq(session_error(session), "hung up");
	session_free(session);
}

Test(session, is_not_held_up_by_one_that_talks_without_end)
{
	struct session *session = begin(true);
	char noise[4096] = "";

	fcntl(peer, F_SETFL, O_NONBLOCK);
	while (send(peer, noise, sizeof(noise), MSG_NOSIGNAL) > 0)
		;
	advance(session);
	EXPECT(START);
	session_free(session);
}

Test(session, has_room_again_when_frames_are_sent)
{
	struct session *session = streaming();
	size_t count = 0;
	char sink[4096];

	now_scripted->budget = 0;
	for (uint8_t *room; (room = session_reserve(session, 1000)); count++) {
		memset(room, 'x', 1000);
		session_commit(session, 1000);
	}
	cr_assert_geq(count, 4 * SESSION_FRAME_MAX / 1004);
	now_scripted->budget = SIZE_MAX;
	do
		advance(session);
	while (recv(peer, sink, sizeof(sink), MSG_DONTWAIT) > 0);
	cr_assert_eq(session_unsent(session), 0);
	cr_assert_not_null(session_reserve(session, SESSION_FRAME_MAX));
	session_free(session);
}
