/* SPDX-License-Identifier: Apache-2.0
 *
 * The state machine. Control frames belong to this connection, data frames
 * outlive it.
 */
#include "shim/tap/stream/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/own_fds.h"
#include "shim/tap/stream/frame.h"
#include "shim/tap/stream/send_buffer.h"
#include "shim/tap/transport/progress.h"

#define WRITE_SIZE (128 * 1024) /* at the most, in one call */
#define READS_MAX  8            /* of a collector that does not stop talking */
#define NEVER      UINT64_MAX

struct session {
	struct transport *transport;
	struct session_counts counts;
	enum session_state state;
	bool unidirectional;
	bool stop; /* send STOP when everything is written */
	uint64_t deadline_ns;
	uint64_t began;   /* counts.frames when this stream did */
	const char *late; /* what is said if the deadline passes */
	const char *why;

	uint8_t control[2 * FRAME_CONTROL_SIZE];
	size_t control_at, control_end;

	struct send_buffer send_buffer;
	struct progress *progress;     /* NULL: nobody wants to know */
	uint64_t ahead;                /* of counts.frames it is there */
	uint8_t in[FRAME_CONTROL_MAX]; /* the control frame being received */
	size_t in_end;
};

struct session *session_new(struct transport *transport, bool unidirectional)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->transport = transport;
	session->unidirectional = unidirectional || !transport->ops->read;
	session->deadline_ns = NEVER;
	session->late = session->why = "";
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	session_close(session);
	transport_free(session->transport);
	send_buffer_end(&session->send_buffer);
	free(session);
}

static void note_progress(const struct session *session)
{
	const struct send_buffer *buffer = &session->send_buffer;

	if (session->progress)
		progress_set(session->progress,
			     session->counts.frames + session->ahead,
			     buffer->at - buffer->whole);
}

void session_record(struct session *session, struct progress *progress,
		    uint64_t frames)
{
	session->progress = progress;
	session->ahead = frames - session->counts.frames;
	note_progress(session);
}

static void enter(struct session *session, enum session_state state,
		  uint64_t deadline_ns, const char *late)
{
	session->state = state;
	session->deadline_ns = deadline_ns;
	session->late = late;
}

/* Appends a control frame to what is to be written. */
static int say(struct session *session, fstrm_control_type type)
{
	size_t size;

	if (session->control_end + FRAME_CONTROL_SIZE >
	    sizeof(session->control))
		return -EPROTO;
	size = frame_control(type, session->control + session->control_end);
	session->control_end += size;
	return size ? 0 : -ENOMEM;
}

static int start_streaming(struct session *session)
{
	session->counts.connects++;
	session->began = session->counts.frames;
	enter(session, SESSION_STREAMING, NEVER, "");
	return say(session, FSTRM_CONTROL_START);
}

static int established(struct session *session, uint64_t now_ns)
{
	session->transport->events = POLLOUT;
	if (session->unidirectional)
		return start_streaming(session);
	enter(session, SESSION_GREETING,
	      now_ns + SESSION_HANDSHAKE_MS * NS_PER_MS,
	      "no ACCEPT within 5 s");
	return say(session, FSTRM_CONTROL_READY);
}

int session_open(struct session *session, uint64_t now_ns)
{
	session->transport->error[0] = session->transport->about[0] = '\0';
	session->why = "";
	session->stop = false;
	int error = session->transport->ops->open(session->transport);

	if (error && error != -EAGAIN)
		return error;
	enter(session, SESSION_CONNECTING,
	      now_ns + SESSION_CONNECT_MS * NS_PER_MS,
	      "no connection within 5 s");
	error = error ? 0 : established(session, now_ns);
	if (error)
		session_close(session);
	return error;
}

static bool has_frames(const struct session *session)
{
	return session->counts.frames != session->began;
}

/* Leaves a file that can be read to its end: whole frames, then STOP if it can
 * still be had; nothing at all rather than no frame. */
static void leave_whole(struct session *session)
{
	struct transport *transport = session->transport;
	bool some = has_frames(session);

	if (!transport->ops->cut || session->state != SESSION_STREAMING)
		return;
	size_t cut = send_buffer_rewind(&session->send_buffer);
	transport->ops->cut(transport, some ? cut : SIZE_MAX);
	session->control_at = session->control_end = 0;
	if (some && !say(session, FSTRM_CONTROL_STOP))
		transport->ops->write(transport, session->control,
				      session->control_end);
}

void session_close(struct session *session)
{
	leave_whole(session);
	session->transport->ops->close(session->transport);
	if (session->state == SESSION_GREETING)
		session->counts.handshake_failures++;
	if (session->state == SESSION_STREAMING)
		session->counts.disconnects++;
	session->state = SESSION_CLOSED;
	session->deadline_ns = NEVER;
	session->control_at = session->control_end = session->in_end = 0;
	send_buffer_rewind(&session->send_buffer);
	note_progress(session);
}

void session_discard(struct session *session)
{
	send_buffer_discard(&session->send_buffer);
}

/* Returns how much was written, or -errno. */
static ssize_t write_some(struct session *session, const uint8_t *data,
			  size_t size, uint64_t now_ns)
{
	const struct transport_ops *ops = session->transport->ops;
	bool streaming = session->state == SESSION_STREAMING;
	ssize_t n = ops->write(session->transport, data,
			       size < WRITE_SIZE ? size : WRITE_SIZE);

	if (n >= 0 && streaming)
		enter(session, SESSION_STREAMING, NEVER, "");
	if (n == -EAGAIN && streaming && session->deadline_ns == NEVER)
		enter(session, SESSION_STREAMING,
		      now_ns + SESSION_STALL_MS * NS_PER_MS,
		      "took nothing for 60 s");
	return n;
}

static int write_control(struct session *session, uint64_t now_ns)
{
	while (session->control_at < session->control_end) {
		ssize_t n = write_some(
			session, session->control + session->control_at,
			session->control_end - session->control_at, now_ns);
		if (n < 0)
			return n;
		session->control_at += n;
	}
	session->control_at = session->control_end = 0;
	return 0;
}

/* Ends this stream and begins another. Where streams have an end, in files,
 * none of this is ever to be waited for. One without a frame leaves nothing. */
static int begin_next(struct session *session, uint64_t now_ns)
{
	int error = 0;

	if (has_frames(session))
		error = say(session, FSTRM_CONTROL_STOP);
	else
		session->transport->ops->cut(session->transport, SIZE_MAX);
	if (!error)
		error = write_control(session, now_ns);
	if (error)
		return error;
	session->state = SESSION_STOPPING;
	session_close(session);
	return session_open(session, now_ns);
}

/* Returns 0 when everything is written, -EAGAIN when there is no room for more,
 * else -errno. */
static int write_data(struct session *session, uint64_t now_ns)
{
	struct session_counts *counts = &session->counts;
	const uint8_t *octets;

	while (session->send_buffer.frames) {
		size_t size = send_buffer_next(&session->send_buffer,
					       session->transport->room,
					       !has_frames(session), &octets);
		if (!size)
			return begin_next(session, now_ns);
		session->transport->progress = session->progress;
		ssize_t n = write_some(session, octets, size, now_ns);
		session->transport->progress = NULL;
		if (n < 0)
			return n;
		counts->frames += send_buffer_written(&session->send_buffer, n,
						      &counts->octets);
		note_progress(session);
	}
	return 0;
}

/* Not before there is something to write, nor within a frame. */
static bool is_over(struct session *session, uint64_t now_ns)
{
	struct transport *transport = session->transport;
	const struct send_buffer *buffer = &session->send_buffer;

	return transport->ops->is_over && buffer->at == buffer->whole &&
	       (has_frames(session) || buffer->frames) &&
	       transport->ops->is_over(transport, now_ns);
}

static int flush(struct session *session, uint64_t now_ns)
{
	int error;

	do {
		error = write_control(session, now_ns);
		if (!error && session->state == SESSION_STREAMING)
			error = is_over(session, now_ns)
					? begin_next(session, now_ns)
					: write_data(session, now_ns);
	} while (!error && session->control_end);
	return error;
}

/* What each state does with what the collector says. Returns 0 or -errno. */
static int handle_control(struct session *session, int type)
{
	if (type == FSTRM_CONTROL_ACCEPT && session->state == SESSION_GREETING)
		return start_streaming(session);
	if (type == FSTRM_CONTROL_FINISH &&
	    session->state == SESSION_STOPPING) {
		session->counts.finished++;
		session_close(session);
		return 0;
	}
	if (type == FSTRM_CONTROL_FINISH && session->state == SESSION_STREAMING)
		return -ECONNRESET;
	session->why = "answered with something else than Frame Streams of "
		       "dnstap";
	return type == -ENOMEM ? type : -EPROTO;
}

static int handle_controls(struct session *session)
{
	size_t size;

	/* Where nothing is agreed upon, nothing that comes back means a thing. */
	if (session->unidirectional)
		session->in_end = 0;
	for (int type;
	     (type = frame_type(session->in, session->in_end, &size)) != 0;) {
		int error = handle_control(session, type);
		if (error || type < 0 || session->state == SESSION_CLOSED)
			return error;
		session->in_end -= size;
		memmove(session->in, session->in + size, session->in_end);
	}
	return 0;
}

static int receive(struct session *session)
{
	const struct transport_ops *ops = session->transport->ops;

	for (int reads = 0; ops->read && reads < READS_MAX; reads++) {
		ssize_t n = ops->read(session->transport,
				      session->in + session->in_end,
				      sizeof(session->in) - session->in_end);
		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return n ? n : -ECONNRESET;
		session->in_end += n;
		int error = handle_controls(session);
		if (error || session->state == SESSION_CLOSED)
			return error;
	}
	return 0;
}

static int stop_when_sent(struct session *session, uint64_t now_ns)
{
	if (session->stop && session->state == SESSION_STREAMING) {
		int error = say(session, FSTRM_CONTROL_STOP);
		enter(session, SESSION_STOPPING,
		      now_ns + SESSION_FINISH_MS * NS_PER_MS, "");
		error = error ? error : write_control(session, now_ns);
		if (error)
			return error;
	}
	if (session->state == SESSION_STOPPING && session->unidirectional)
		session_close(session);
	return 0;
}

static int step(struct session *session, uint64_t now_ns)
{
	int error = 0;

	if (session->state == SESSION_CONNECTING) {
		error = session->transport->ops->establish(session->transport);
		error = error ? error : established(session, now_ns);
	}
	/* A collector that speaks no ACCEPT may still hang up. */
	error = error ? error : receive(session);
	if (error || session->state == SESSION_CLOSED)
		return error;
	error = flush(session, now_ns);
	return error ? error : stop_when_sent(session, now_ns);
}

int session_advance(struct session *session, uint64_t now_ns)
{
	struct transport *transport = session->transport;
	int error;

	if (session->state == SESSION_CLOSED)
		return 0;
	if (transport->fd >= 0 && !own_fds_intact(transport->fd)) {
		transport->fd = -1; /* the host has taken the number */
		error = -EOWNERDEAD;
	} else {
		error = step(session, now_ns);
	}
	if (error == -EAGAIN || error == -EINTR)
		error = 0;
	if (!error && now_ns >= session->deadline_ns) {
		error = -ETIMEDOUT;
		session->why = session->late;
	}
	if (!error)
		return 0;
	if ((error == -ECONNRESET || error == -EPIPE) && !*session->why)
		session->why = session->state == SESSION_GREETING
				       ? "hung up instead of accepting"
				       : "hung up";
	/* STOP is on its way: whether FINISH comes is the collector's affair. */
	if (session->state == SESSION_STOPPING)
		error = 0;
	session_close(session);
	return error;
}

uint8_t *session_reserve(struct session *session, size_t size)
{
	return send_buffer_reserve(&session->send_buffer, size);
}

void session_commit(struct session *session, size_t size)
{
	send_buffer_commit(&session->send_buffer, size);
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

const char *session_about(const struct session *session)
{
	const char *about = session->transport->about;

	return *about ? about : "connected";
}

const char *session_error(const struct session *session)
{
	const char *error = session->transport->error;

	return *error ? error : session->why;
}

uint64_t session_unsent(const struct session *session)
{
	return session->send_buffer.frames;
}

int session_poll(const struct session *session, short *events,
		 uint64_t *deadline_ns)
{
	bool pending = session->control_at < session->control_end ||
		       (session->state == SESSION_STREAMING &&
			session->send_buffer.frames);

	*deadline_ns = session->deadline_ns;
	if (session->state == SESSION_STREAMING && has_frames(session) &&
	    session->transport->due < *deadline_ns)
		*deadline_ns = session->transport->due;
	*events = POLLIN;
	if (session->state == SESSION_CONNECTING)
		*events = session->transport->events;
	else if (pending)
		*events |= session->transport->events;
	if (session->state == SESSION_CLOSED || !session->transport->ops->read)
		return -1;
	return session->transport->fd;
}
