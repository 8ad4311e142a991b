/* SPDX-License-Identifier: Apache-2.0
 *
 * One collector, or file, to which we connect: again and again if need be.
 */
#include "shim/tap/endpoint/endpoint.h"

#include <errno.h>
#include <string.h>

#include "shim/base/log.h"
#include "shim/tap/endpoint/retry.h"

struct dial {
	struct endpoint endpoint;
	struct session *session;
	struct retry retry;
	uint64_t connects; /* those that have been logged */
	bool stopping, failed;
	bool unsaid; /* connected, as so often in vain: worth a line if it lasts */
};

static struct dial *dial_of(const struct endpoint *endpoint)
{
	return (struct dial *)endpoint;
}

static int dial_begin(struct endpoint *endpoint,
		      const struct prepared *prepared)
{
	struct transport *transport = transport_new(endpoint->config, prepared);

	if (!transport)
		return -ENOMEM;
	dial_of(endpoint)->session =
		session_new(transport, endpoint->config->unidirectional);
	retry_begin(&dial_of(endpoint)->retry);
	if (dial_of(endpoint)->session)
		return 0;
	transport_free(transport);
	return -ENOMEM;
}

/* The collector is lost, or could not be had. */
static void went_away(struct dial *dial, int error, uint64_t now_ns)
{
	const char *detail = error == -ESHUTDOWN
				     ? "the server's own seccomp filter might "
				       "end it for a connection"
				     : session_error(dial->session);

	dial->failed = true;
	dial->unsaid = false;
	retry_failed(&dial->retry, dial->endpoint.config->socket,
		     *detail ? detail : strerror(-error), now_ns);
}

static void say_connected(struct dial *dial)
{
	log_line(dial->endpoint.config->socket, "%s",
		 session_about(dial->session));
	dial->unsaid = false;
}

static void connected(struct dial *dial, uint64_t now_ns)
{
	bool again = dial->failed || dial->connects;

	retry_succeeded(&dial->retry, now_ns);
	dial->failed = false;
	if (!log_first(dial->endpoint.config) && !again)
		return;
	dial->unsaid = true;
	if (retry_is_news(&dial->retry, session_about(dial->session)))
		say_connected(dial);
}

static void dial_advance(struct endpoint *endpoint, uint64_t now_ns)
{
	struct dial *dial = dial_of(endpoint);
	int error = 0;

	if (session_state(dial->session) == SESSION_CLOSED) {
		if (now_ns < dial->retry.at ||
		    (dial->stopping && dial->connects))
			return;
		error = transport_allowed(endpoint->config)
				? session_open(dial->session, now_ns)
				: -ESHUTDOWN;
	}
	if (!error)
		error = session_advance(dial->session, now_ns);
	uint64_t connects = session_counts(dial->session)->connects;
	if (error)
		went_away(dial, error, now_ns);
	else if (connects != dial->connects)
		connected(dial, now_ns);
	else if (dial->unsaid && retry_is_good(&dial->retry, now_ns))
		say_connected(dial);
	dial->connects = connects;
}

static bool dial_ready(const struct endpoint *endpoint)
{
	return session_state(dial_of(endpoint)->session) == SESSION_STREAMING;
}

static uint8_t *dial_reserve(struct endpoint *endpoint, size_t size)
{
	return session_reserve(dial_of(endpoint)->session, size);
}

static void dial_commit(struct endpoint *endpoint, size_t size)
{
	session_commit(dial_of(endpoint)->session, size);
}

static size_t dial_poll(const struct endpoint *endpoint, struct pollfd *fds,
			uint64_t *deadline_ns)
{
	const struct dial *dial = dial_of(endpoint);

	fds->fd = session_poll(dial->session, &fds->events, deadline_ns);
	if (session_state(dial->session) == SESSION_CLOSED)
		*deadline_ns = dial->retry.at;
	return 1;
}

static void dial_stop(struct endpoint *endpoint)
{
	struct dial *dial = dial_of(endpoint);

	dial->stopping = true;
	if (dial_ready(endpoint))
		session_stop(dial->session);
}

/* At the end nothing waits for a collector that is not there, or for one to
 * which there is nothing to say. */
static bool dial_over(const struct endpoint *endpoint)
{
	const struct dial *dial = dial_of(endpoint);

	switch (session_state(dial->session)) {
	case SESSION_STREAMING:
	case SESSION_STOPPING:
		return false;
	case SESSION_CLOSED:
		if (dial->failed)
			return true;
		/* fall through */
	default:
		return dial->stopping && !session_unsent(dial->session);
	}
}

static uint64_t dial_unsent(const struct endpoint *endpoint)
{
	return session_unsent(dial_of(endpoint)->session);
}

static uint64_t dial_lost(struct endpoint *endpoint)
{
	(void)endpoint;
	return 0;
}

static void dial_count(const struct endpoint *endpoint,
		       struct session_counts *counts)
{
	*counts = *session_counts(dial_of(endpoint)->session);
	counts->up = dial_ready(endpoint);
}

static uint64_t dial_close(struct endpoint *endpoint)
{
	struct session *session = dial_of(endpoint)->session;

	session_close(session);
	uint64_t unsent = session_unsent(session);
	session_discard(session);
	return unsent;
}

static void dial_end(struct endpoint *endpoint)
{
	session_free(dial_of(endpoint)->session);
}

const struct endpoint_ops endpoint_dial = {
	.size = sizeof(struct dial),
	.begin = dial_begin,
	.advance = dial_advance,
	.ready = dial_ready,
	.reserve = dial_reserve,
	.commit = dial_commit,
	.poll = dial_poll,
	.stop = dial_stop,
	.over = dial_over,
	.unsent = dial_unsent,
	.lost = dial_lost,
	.count = dial_count,
	.close = dial_close,
	.end = dial_end,
};
