/* SPDX-License-Identifier: Apache-2.0
 *
 * The state machine and its two output buffers: control frames, which belong to
 * this connection, and data frames, which outlive it.
 */
#include "shim/tap/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fstrm.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/base/clock.h"

#define CONTENT_TYPE     "protobuf:dnstap.Dnstap"
#define LENGTH_SIZE      4
#define DATA_SIZE        (4 * SESSION_FRAME_MAX)
#define CONTROL_OUT_SIZE 64
#define WRITE_SIZE       (128 * 1024) /* at the most, in one call */
#define NEVER            UINT64_MAX

struct session {
	struct transport *transport;
	struct session_counts counts;
	enum session_state state;
	bool unidirectional;
	bool stop; /* send STOP when everything is written */
	uint64_t deadline_ns;

	uint8_t control[CONTROL_OUT_SIZE];
	size_t control_at, control_end;

	/* Frames: written up to `at`; those before `whole` wholly so. */
	uint8_t *data;
	size_t whole, at, end;
	uint64_t unsent;

	/* The control frame being received, its escape and length first. */
	uint8_t in[2 * LENGTH_SIZE + FSTRM_CONTROL_FRAME_LENGTH_MAX];
	size_t in_end;
};

struct session *session_new(struct transport *transport, bool unidirectional)
{
	struct session *session = calloc(1, sizeof(*session));
	/* Shared for the same reason as the queue's memory. */
	void *data = mmap(NULL, DATA_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!session || data == MAP_FAILED) {
		if (data != MAP_FAILED)
			munmap(data, DATA_SIZE);
		free(session);
		return NULL;
	}
	madvise(data, DATA_SIZE, MADV_DONTFORK);
	session->transport = transport;
	session->unidirectional = unidirectional;
	session->data = data;
	session->deadline_ns = NEVER;
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	transport_free(session->transport);
	munmap(session->data, DATA_SIZE);
	free(session);
}

static void enter(struct session *session, enum session_state state,
		  uint64_t now_ns, unsigned seconds)
{
	session->state = state;
	session->deadline_ns = seconds ? now_ns + seconds * NS_PER_S : NEVER;
}

/* Appends a control frame to what is to be written. */
static void say(struct session *session, fstrm_control_type type)
{
	struct fstrm_control *control = fstrm_control_init();
	size_t size = CONTROL_OUT_SIZE - session->control_end;

	if (!control)
		return;
	fstrm_control_set_type(control, type);
	if (type != FSTRM_CONTROL_STOP)
		fstrm_control_add_field_content_type(
			control, (const uint8_t *)CONTENT_TYPE,
			strlen(CONTENT_TYPE));
	if (fstrm_control_encode(
		    control, session->control + session->control_end, &size,
		    FSTRM_CONTROL_FLAG_WITH_HEADER) == fstrm_res_success)
		session->control_end += size;
	fstrm_control_destroy(&control);
}

static void start_streaming(struct session *session)
{
	session->control_at = session->control_end = 0;
	say(session, FSTRM_CONTROL_START);
	session->counts.connects++;
	enter(session, SESSION_STREAMING, 0, 0);
}

static void established(struct session *session, uint64_t now_ns)
{
	if (session->unidirectional) {
		start_streaming(session);
		return;
	}
	say(session, FSTRM_CONTROL_READY);
	enter(session, SESSION_GREETING, now_ns, SESSION_HANDSHAKE_S);
}

int session_open(struct session *session, uint64_t now_ns)
{
	session->transport->error[0] = '\0';
	session->stop = false;
	int error = session->transport->ops->open(session->transport);

	if (error && error != -EAGAIN)
		return error;
	enter(session, SESSION_CONNECTING, now_ns, SESSION_CONNECT_S);
	if (!error)
		established(session, now_ns);
	return 0;
}

void session_close(struct session *session)
{
	session->transport->ops->close(session->transport);
	if (session->state == SESSION_GREETING)
		session->counts.handshake_failures++;
	if (session->state == SESSION_STREAMING)
		session->counts.disconnects++;
	session->state = SESSION_CLOSED;
	session->deadline_ns = NEVER;
	session->control_at = session->control_end = session->in_end = 0;
	session->at = session->whole; /* a frame cut in two is sent again */
}

void session_discard(struct session *session)
{
	session->whole = session->at = session->end = 0;
	session->unsent = 0;
}

/* Counts the frames that have been written as far as `at`. */
static void count_whole(struct session *session)
{
	uint32_t length;

	while (session->at - session->whole >= LENGTH_SIZE) {
		memcpy(&length, session->data + session->whole, LENGTH_SIZE);
		size_t size = LENGTH_SIZE + ntohl(length);
		if (session->at - session->whole < size)
			break;
		session->whole += size;
		session->unsent--;
		session->counts.frames++;
		session->counts.octets += size;
	}
	if (session->whole == session->end)
		session->whole = session->at = session->end = 0;
}

static ssize_t write_some(struct session *session, const uint8_t *data,
			  size_t size)
{
	const struct transport_ops *ops = session->transport->ops;

	return ops->write(session->transport, data,
			  size < WRITE_SIZE ? size : WRITE_SIZE);
}

/* Returns 0 when everything is written, -EAGAIN when there is no room for more,
 * else -errno. */
static int flush(struct session *session, uint64_t now_ns)
{
	while (session->control_at < session->control_end) {
		ssize_t n = write_some(
			session, session->control + session->control_at,
			session->control_end - session->control_at);
		if (n < 0)
			return n;
		session->control_at += n;
	}
	session->control_at = session->control_end = 0;
	while (session->state == SESSION_STREAMING &&
	       session->at < session->end) {
		ssize_t n = write_some(session, session->data + session->at,
				       session->end - session->at);
		if (n < 0) {
			if (n == -EAGAIN && session->deadline_ns == NEVER)
				session->deadline_ns =
					now_ns + SESSION_STALL_S * NS_PER_S;
			return n;
		}
		session->deadline_ns = NEVER;
		session->at += n;
		count_whole(session);
	}
	return 0;
}

/* The type of the control frame at the head of what was received, 0 if it is
 * not whole yet, -EPROTO if it is none. */
static int received_type(struct session *session)
{
	uint32_t word[2];

	if (session->in_end < sizeof(word))
		return 0;
	memcpy(word, session->in, sizeof(word));
	size_t size = ntohl(word[1]);
	if (word[0] || size < LENGTH_SIZE ||
	    size > FSTRM_CONTROL_FRAME_LENGTH_MAX)
		return -EPROTO;
	size += sizeof(word);
	if (session->in_end < size)
		return 0;

	struct fstrm_control *control = fstrm_control_init();
	fstrm_control_type type = 0;
	fstrm_res result = fstrm_res_failure;
	if (control)
		result = fstrm_control_decode(control, session->in, size,
					      FSTRM_CONTROL_FLAG_WITH_HEADER);
	if (result == fstrm_res_success)
		result = fstrm_control_get_type(control, &type);
	/* No content type in an ACCEPT stands for any; a FINISH has none. */
	if (result == fstrm_res_success && type == FSTRM_CONTROL_ACCEPT)
		result = fstrm_control_match_field_content_type(
			control, (const uint8_t *)CONTENT_TYPE,
			strlen(CONTENT_TYPE));
	fstrm_control_destroy(&control);
	memmove(session->in, session->in + size, session->in_end - size);
	session->in_end -= size;
	return result == fstrm_res_success ? (int)type : -EPROTO;
}

/* What each state does with what the collector says. Returns 0 or -errno. */
static int hear(struct session *session, int type)
{
	if (type == FSTRM_CONTROL_ACCEPT &&
	    session->state == SESSION_GREETING) {
		start_streaming(session);
		return 0;
	}
	if (type == FSTRM_CONTROL_FINISH &&
	    session->state == SESSION_STOPPING) {
		session_close(session);
		return 0;
	}
	return type < 0 ? type : -EPROTO;
}

static int receive(struct session *session)
{
	for (;;) {
		ssize_t n = session->transport->ops->read(
			session->transport, session->in + session->in_end,
			sizeof(session->in) - session->in_end);
		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return n ? n : -ECONNRESET;
		session->in_end += n;
		for (int type; (type = received_type(session)) != 0;) {
			int error = hear(session, type);
			if (error || session->state == SESSION_CLOSED)
				return error;
		}
		if (session->in_end == sizeof(session->in))
			return -EPROTO;
	}
}

static int step(struct session *session, uint64_t now_ns)
{
	int error;

	if (session->state == SESSION_CONNECTING) {
		error = session->transport->ops->establish(session->transport);
		if (error)
			return error;
		established(session, now_ns);
	}
	/* A collector that speaks no ACCEPT may still hang up. */
	error = receive(session);
	if (error || session->state == SESSION_CLOSED)
		return error;
	error = flush(session, now_ns);
	if (error)
		return error;
	if (session->stop && session->state == SESSION_STREAMING) {
		say(session, FSTRM_CONTROL_STOP);
		enter(session, SESSION_STOPPING, now_ns, SESSION_HANDSHAKE_S);
		error = flush(session, now_ns);
	}
	if (!error && session->state == SESSION_STOPPING &&
	    session->unidirectional)
		session_close(session);
	return error;
}

int session_advance(struct session *session, uint64_t now_ns)
{
	if (session->state == SESSION_CLOSED)
		return 0;
	int error = step(session, now_ns);
	if (error == -EAGAIN || error == -EINTR)
		error = 0;
	if (!error && session->state != SESSION_CLOSED &&
	    now_ns >= session->deadline_ns)
		error = -ETIMEDOUT;
	if (error)
		session_close(session);
	return error;
}

uint8_t *session_reserve(struct session *session, size_t size)
{
	if (DATA_SIZE - session->end < LENGTH_SIZE + size && session->whole) {
		memmove(session->data, session->data + session->whole,
			session->end - session->whole);
		session->at -= session->whole;
		session->end -= session->whole;
		session->whole = 0;
	}
	if (DATA_SIZE - session->end < LENGTH_SIZE + size)
		return NULL;
	return session->data + session->end + LENGTH_SIZE;
}

void session_commit(struct session *session, size_t size)
{
	uint32_t length = htonl(size);

	memcpy(session->data + session->end, &length, LENGTH_SIZE);
	session->end += LENGTH_SIZE + size;
	session->unsent++;
}

void session_stop(struct session *session)
{
	session->stop = true;
}

enum session_state session_state(const struct session *session)
{
	return session->state;
}

const struct session_counts *session_counts(const struct session *session)
{
	return &session->counts;
}

const char *session_error(const struct session *session)
{
	return session->transport->error;
}

uint64_t session_unsent(const struct session *session)
{
	return session->unsent;
}

int session_poll(const struct session *session, short *events,
		 uint64_t *deadline_ns)
{
	*deadline_ns = session->deadline_ns;
	if (session->state == SESSION_CLOSED)
		return -1;
	*events = POLLIN;
	if (session->state == SESSION_CONNECTING)
		*events = session->transport->events;
	else if (session->control_at < session->control_end ||
		 (session->state == SESSION_STREAMING &&
		  session->at < session->end))
		*events |= POLLOUT;
	return session->transport->fd;
}
