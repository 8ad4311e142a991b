/* SPDX-License-Identifier: Apache-2.0
 *
 * One collector, or file, to which we connect: again and again if need be.
 */
#include "shim/tap/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"

#define RETRY_FIRST_NS (10 * NS_PER_MS)
#define RETRY_MAX_NS   (5 * NS_PER_S)
#define GOOD_NS        NS_PER_S /* so long a connection is a good one */
#define CAUSES_MAX     4        /* remembered, so that each is said once */

struct dial {
	struct endpoint endpoint;
	struct session *session;
	uint64_t retry_at;    /* when to connect again */
	uint64_t retry_delay; /* 0: at once */
	uint64_t connects;    /* those that have been logged */
	uint64_t connected_at;
	char cause[CAUSES_MAX][TRANSPORT_ERROR_MAX];
	size_t causes;
	bool stopping, failed;
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
	dial_of(endpoint)->retry_delay = RETRY_FIRST_NS;
	if (dial_of(endpoint)->session)
		return 0;
	transport_free(transport);
	return -ENOMEM;
}

/* True for what has not been said since the last good connection. */
static bool is_news(struct dial *dial, const char *cause)
{
	for (size_t i = 0; i < CAUSES_MAX; i++)
		if (!strncmp(dial->cause[i], cause, TRANSPORT_ERROR_MAX - 1))
			return false;
	snprintf(dial->cause[dial->causes++ % CAUSES_MAX], TRANSPORT_ERROR_MAX,
		 "%s", cause);
	return true;
}

static void log_away(struct dial *dial, int error)
{
	const char *detail = session_error(dial->session);
	const char *cause = *detail ? detail : strerror(-error);
	const char *name = dial->endpoint.config->socket;

	if (!is_news(dial, cause))
		return;
	if (dial->retry_delay == 0)
		log_line(name, "%s; reconnecting", cause);
	else if (dial->retry_delay < RETRY_MAX_NS)
		log_line(name, "%s; retrying in %llu ms, later every %llu s",
			 cause, dial->retry_delay / NS_PER_MS,
			 RETRY_MAX_NS / NS_PER_S);
	else
		log_line(name, "%s; retrying every %llu s", cause,
			 RETRY_MAX_NS / NS_PER_S);
}

/* The collector is lost, or could not be had. A good connection may be tried
 * again at once; one that ends as soon as it begins may not. */
static void went_away(struct dial *dial, int error, uint64_t now_ns)
{
	if (dial->connected_at && now_ns - dial->connected_at >= GOOD_NS) {
		dial->retry_delay = 0;
		memset(dial->cause, 0, sizeof(dial->cause));
	}
	dial->connected_at = 0;
	dial->failed = true;
	log_away(dial, error);
	dial->retry_at = now_ns + dial->retry_delay;
	dial->retry_delay =
		dial->retry_delay ? 2 * dial->retry_delay : RETRY_FIRST_NS;
	if (dial->retry_delay > RETRY_MAX_NS)
		dial->retry_delay = RETRY_MAX_NS;
}

static void connected(struct dial *dial, uint64_t now_ns)
{
	dial->connected_at = now_ns;
	dial->failed = false;
	log_line(dial->endpoint.config->socket, "%s",
		 session_about(dial->session));
}

static void dial_advance(struct endpoint *endpoint, uint64_t now_ns)
{
	struct dial *dial = dial_of(endpoint);
	int error = 0;

	if (session_state(dial->session) == SESSION_CLOSED) {
		if (now_ns < dial->retry_at ||
		    (dial->stopping && dial->connects))
			return;
		error = session_open(dial->session, now_ns);
	}
	if (!error)
		error = session_advance(dial->session, now_ns);
	uint64_t connects = session_counts(dial->session)->connects;
	if (error)
		went_away(dial, error, now_ns);
	else if (connects != dial->connects)
		connected(dial, now_ns);
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

static bool dial_commit(struct endpoint *endpoint, size_t size)
{
	session_commit(dial_of(endpoint)->session, size);
	return true;
}

static size_t dial_poll(const struct endpoint *endpoint, struct pollfd *fds,
			uint64_t *deadline_ns)
{
	const struct dial *dial = dial_of(endpoint);

	fds->fd = session_poll(dial->session, &fds->events, deadline_ns);
	if (session_state(dial->session) == SESSION_CLOSED)
		*deadline_ns = dial->retry_at;
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
	.count = dial_count,
	.close = dial_close,
	.end = dial_end,
};
