/* SPDX-License-Identifier: Apache-2.0
 *
 * One collector, or file, to which we connect: again and again if need be.
 */
#include "shim/tap/endpoint/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/endpoint/retry.h"

/* So long a collector has to take what is there before it is left all the same: the
 * next connection gets it, whole frames. */
#define ROLL_NS NS_PER_S

struct outgoing {
	struct endpoint endpoint;
	struct session *session;
	struct retry retry;
	uint64_t connects; /* those that have been logged */
	uint64_t roll_by;  /* to be left by then; 0: it is not to be */
	bool stopping, failed;
	int error; /* by which it has failed */
	bool unsaid; /* connected, as so often in vain: worth a line if it lasts */
	char why[TRANSPORT_ERROR_MAX]; /* it has failed */
};

static struct outgoing *outgoing_of(const struct endpoint *endpoint)
{
	return (struct outgoing *)endpoint;
}

static int begin_outgoing(struct endpoint *endpoint,
			  const struct prepared *prepared)
{
	struct transport *transport = transport_new(endpoint->config, prepared);

	if (!transport)
		return -ENOMEM;
	outgoing_of(endpoint)->session =
		session_new(transport, endpoint->config->unidirectional);
	retry_begin(&outgoing_of(endpoint)->retry);
	if (outgoing_of(endpoint)->session)
		return 0;
	transport_free(transport);
	return -ENOMEM;
}

/* The collector is lost, or could not be had. */
static void went_away(struct outgoing *outgoing, int error, uint64_t now_ns)
{
	const char *detail = error == -ESHUTDOWN
				     ? "the server's own seccomp filter might "
				       "end it for a connection"
				     : session_error(outgoing->session);

	outgoing->failed = true;
	outgoing->error = error;
	outgoing->unsaid = false;
	snprintf(outgoing->why, sizeof(outgoing->why), "%s",
		 *detail ? detail : strerror(-error));
	retry_failed(&outgoing->retry, outgoing->endpoint.config->socket,
		     outgoing->why, now_ns);
}

static void log_connected(struct outgoing *outgoing)
{
	log_line(outgoing->endpoint.config->socket, "%s",
		 session_about(outgoing->session));
	outgoing->unsaid = false;
}

static void connected(struct outgoing *outgoing, uint64_t now_ns)
{
	bool again = outgoing->failed || outgoing->connects;

	retry_succeeded(&outgoing->retry, now_ns);
	outgoing->failed = false;
	if (!log_first(outgoing->endpoint.config) && !again)
		return;
	outgoing->unsaid = true;
	if (retry_is_news(&outgoing->retry, session_about(outgoing->session)))
		log_connected(outgoing);
}

static void roll_outgoing(struct endpoint *endpoint, uint64_t now_ns)
{
	struct outgoing *outgoing = outgoing_of(endpoint);

	outgoing->retry.at = 0;
	if (outgoing->stopping ||
	    session_state(outgoing->session) != SESSION_STREAMING)
		return;
	outgoing->roll_by = now_ns + ROLL_NS;
	session_stop(outgoing->session);
}

static void settle_roll(struct outgoing *outgoing, uint64_t now_ns)
{
	if (session_state(outgoing->session) != SESSION_STREAMING)
		outgoing->roll_by = 0;
	if (!outgoing->roll_by || now_ns < outgoing->roll_by)
		return;
	outgoing->roll_by = 0;
	session_close(outgoing->session);
}

static void advance_outgoing(struct endpoint *endpoint, uint64_t now_ns)
{
	struct outgoing *outgoing = outgoing_of(endpoint);
	int error = 0;

	settle_roll(outgoing, now_ns);
	if (session_state(outgoing->session) == SESSION_CLOSED) {
		if (now_ns < outgoing->retry.at ||
		    (outgoing->stopping && outgoing->connects))
			return;
		error = transport_allowed(endpoint->config)
				? session_open(outgoing->session, now_ns)
				: -ESHUTDOWN;
	}
	if (!error)
		error = session_advance(outgoing->session, now_ns);
	if (error == -EOWNERDEAD) /* not the collector's doing: it is there */
		error = session_open(outgoing->session, now_ns);
	uint64_t connects = session_counts(outgoing->session)->connects;
	if (error)
		went_away(outgoing, error, now_ns);
	else if (connects != outgoing->connects)
		connected(outgoing, now_ns);
	else if (outgoing->unsaid && retry_is_good(&outgoing->retry, now_ns))
		log_connected(outgoing);
	outgoing->connects = connects;
}

static bool is_streaming(const struct outgoing *outgoing)
{
	return session_state(outgoing->session) == SESSION_STREAMING;
}

static void record_outgoing(struct endpoint *endpoint,
			    struct progress *progress, uint64_t frames)
{
	session_record(outgoing_of(endpoint)->session, progress, frames);
}

static uint8_t *reserve_outgoing(struct endpoint *endpoint, size_t size)
{
	return session_reserve(outgoing_of(endpoint)->session, size);
}

static void commit_outgoing(struct endpoint *endpoint, size_t size)
{
	session_commit(outgoing_of(endpoint)->session, size);
}

static size_t poll_outgoing(const struct endpoint *endpoint, struct pollfd *fds,
			    uint64_t *deadline_ns)
{
	const struct outgoing *outgoing = outgoing_of(endpoint);

	fds->fd = session_poll(outgoing->session, &fds->events, deadline_ns);
	if (session_state(outgoing->session) == SESSION_CLOSED)
		*deadline_ns = outgoing->retry.at;
	if (outgoing->roll_by && outgoing->roll_by < *deadline_ns)
		*deadline_ns = outgoing->roll_by;
	return 1;
}

/* One on this machine may be there again, and it costs no time to find out. */
static void retry_outgoing(struct endpoint *endpoint)
{
	struct outgoing *outgoing = outgoing_of(endpoint);

	if (!outgoing->failed || endpoint->config->kind != ENDPOINT_UNIX ||
	    (outgoing->error != -ENOENT && outgoing->error != -ECONNREFUSED))
		return;
	outgoing->failed = false;
	outgoing->retry.at = 0;
}

static void stop_outgoing(struct endpoint *endpoint)
{
	struct outgoing *outgoing = outgoing_of(endpoint);

	outgoing->stopping = true;
	if (is_streaming(outgoing))
		session_stop(outgoing->session);
}

/* At the end nothing waits for a collector that is not there, or for one to
 * which there is nothing to say. */
static bool is_over(const struct outgoing *outgoing)
{
	switch (session_state(outgoing->session)) {
	case SESSION_STREAMING:
	case SESSION_STOPPING:
		return false;
	case SESSION_CLOSED:
		if (outgoing->failed)
			return true;
		/* fall through */
	default:
		return outgoing->stopping && !session_unsent(outgoing->session);
	}
}

static void status_outgoing(const struct endpoint *endpoint,
			    struct endpoint_status *status)
{
	const struct outgoing *outgoing = outgoing_of(endpoint);

	*status = (struct endpoint_status){
		.ready = is_streaming(outgoing),
		.over = is_over(outgoing),
		.unsent = session_unsent(outgoing->session),
		.counts = *session_counts(outgoing->session),
	};
	status->counts.up = status->ready;
}

static void about_outgoing(const struct endpoint *endpoint, char *text,
			   size_t size)
{
	const struct outgoing *outgoing = outgoing_of(endpoint);

	if (is_streaming(outgoing))
		snprintf(text, size, "%s", session_about(outgoing->session));
	else if (outgoing->failed)
		snprintf(text, size, "down: %s", outgoing->why);
	else
		snprintf(text, size, "connecting");
}

static uint64_t close_outgoing(struct endpoint *endpoint)
{
	struct session *session = outgoing_of(endpoint)->session;

	session_close(session);
	uint64_t unsent = session_unsent(session);
	session_discard(session);
	return unsent;
}

static void end_outgoing(struct endpoint *endpoint)
{
	session_free(outgoing_of(endpoint)->session);
}

const struct endpoint_ops endpoint_outgoing = {
	.size = sizeof(struct outgoing),
	.begin = begin_outgoing,
	.advance = advance_outgoing,
	.record = record_outgoing,
	.reserve = reserve_outgoing,
	.commit = commit_outgoing,
	.poll = poll_outgoing,
	.roll = roll_outgoing,
	.retry = retry_outgoing,
	.stop = stop_outgoing,
	.status = status_outgoing,
	.about = about_outgoing,
	.close = close_outgoing,
	.end = end_outgoing,
};
