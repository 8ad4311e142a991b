/* SPDX-License-Identifier: Apache-2.0
 *
 * Each with a session of its own: who comes, who leaves, and what becomes of them.
 */
#include "shim/tap/endpoint/collectors.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/own_fds.h"

#define STRANGER_NS (250 * NS_PER_MS) /* that a stranger has for itself */

#define TEXT(number)  TEXT_(number)
#define TEXT_(number) #number
#define CROWDED \
	"one more collector is turned away: there are " TEXT(COLLECTORS_MAX)

/* Its address, or its process. */
static void name_peer(int fd, char *name)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	struct ucred who = { 0 };
	char host[COLLECTORS_NAME_SIZE - 16], port[8];

	if (!getpeername(fd, (struct sockaddr *)&from, &size) &&
	    !getnameinfo((struct sockaddr *)&from, size, host, sizeof(host),
			 port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) &&
	    from.ss_family != AF_UNIX) {
		snprintf(name, COLLECTORS_NAME_SIZE,
			 strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
		return;
	}
	size = sizeof(who);
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	snprintf(name, COLLECTORS_NAME_SIZE, "process %ld", (long)who.pid);
}

static bool is_stranger(const struct collector *collector)
{
	return collector->session && !collector->streamed;
}

static size_t count_known(const struct collectors *collectors)
{
	size_t count = 0;

	for (size_t i = 0; i < COLLECTORS_PLACES; i++)
		count += collectors->collector[i].session &&
			 collectors->collector[i].streamed;
	return count;
}

/* A free place, or else that of the stranger who has been there longest. There is
 * one of either, as there are more places than may be streamed to. */
static struct collector *next_place(const struct collectors *collectors)
{
	const struct collector *oldest = NULL;

	for (size_t i = 0; i < COLLECTORS_PLACES; i++) {
		const struct collector *collector = &collectors->collector[i];

		if (!collector->session)
			return (struct collector *)collector;
		if (is_stranger(collector) &&
		    (!oldest || collector->since < oldest->since))
			oldest = collector;
	}
	return (struct collector *)oldest;
}

uint64_t collectors_vacant_at(const struct collectors *collectors)
{
	const struct collector *place = next_place(collectors);

	return place->session ? place->since + STRANGER_NS : 0;
}

static void add(struct session_counts *sum, const struct session_counts *counts)
{
	sum->octets += counts->octets;
	sum->connects += counts->connects;
	sum->disconnects += counts->disconnects;
	sum->handshake_failures += counts->handshake_failures;
	sum->finished += counts->finished;
}

static const char *cause_of(const struct collector *collector, int error)
{
	const char *detail = session_error(collector->session);

	return !error ? "done" : *detail ? detail : strerror(-error);
}

static void log_disconnect(struct collectors *collectors,
			   const struct collector *collector, bool failed,
			   const char *cause)
{
	const char *tap = collectors->config->socket;

	if (!collector->streamed)
		limit_log(&collectors->strangers, tap, collectors->now,
			  "%s: %s", collector->name, cause);
	else if (failed || collector->lost)
		limit_log(&collectors->known, tap, collectors->now,
			  "%s: %s; it got %" PRIu64
			  " messages and lost %" PRIu64,
			  collector->name, cause,
			  session_counts(collector->session)->frames,
			  collector->lost);
}

/* What it has not got yet is lost to it. */
static void disconnect(struct collectors *collectors,
		       struct collector *collector, bool failed,
		       const char *cause)
{
	session_close(collector->session);
	collector->lost += session_unsent(collector->session);
	log_disconnect(collectors, collector, failed, cause);
	add(&collectors->past, session_counts(collector->session));
	collectors->past.missed += collector->lost;
	session_free(collector->session);
	collector->session = NULL;
}

/* It takes messages from now on. */
static void count_in(struct collectors *collectors, struct collector *collector)
{
	if (count_known(collectors) >= COLLECTORS_MAX) {
		disconnect(collectors, collector, true, CROWDED);
		return;
	}
	collector->streamed = true;
	limit_log(&collectors->known, collectors->config->socket,
		  collectors->now, "%s: %s", collector->name,
		  session_about(collector->session));
}

static void advance(struct collectors *collectors, struct collector *collector)
{
	int error = session_advance(collector->session, collectors->now);

	if (!error && collector_streams(collector) && !collector->streamed)
		count_in(collectors, collector);
	else if (error || session_state(collector->session) == SESSION_CLOSED)
		disconnect(collectors, collector, error,
			   cause_of(collector, error));
}

static struct session *new_session(const struct tap_config *config, int fd,
				   void *context)
{
	struct transport *transport = transport_accepted(config, fd, context);
	struct session *session =
		transport ? session_new(transport, config->unidirectional)
			  : NULL;

	if (!session && transport)
		transport_free(transport);
	else if (!session)
		own_fds_close(fd);
	return session;
}

void collectors_add(struct collectors *collectors, int fd, void *context,
		    uint64_t now_ns)
{
	const struct tap_config *config = collectors->config;
	struct collector *place = next_place(collectors);

	collectors->now = now_ns;
	if (count_known(collectors) >= COLLECTORS_MAX) {
		own_fds_close(fd);
		limit_log(&collectors->strangers, config->socket, now_ns, "%s",
			  CROWDED);
		return;
	}
	if (place->session)
		disconnect(collectors, place, true,
			   "gives way to others, as it does not accept");
	struct session *session = new_session(config, fd, context);
	if (!session)
		return;
	*place = (struct collector){ .session = session, .since = now_ns };
	name_peer(fd, place->name);
	session_open(session, now_ns);
	advance(collectors, place);
}

/* Of the messages that were given to anybody, whoever is furthest has got all
 * but what it has not sent yet. What nobody holds any more and nobody has sent
 * went with those who left. */
static void count_sent(struct collectors *collectors)
{
	bool held = false;

	for (size_t i = 0; i < COLLECTORS_PLACES; i++) {
		const struct collector *collector = &collectors->collector[i];
		if (!collector->session)
			continue;
		uint64_t unsent = session_unsent(collector->session);
		if (collector->last - unsent > collectors->sent)
			collectors->sent = collector->last - unsent;
		held |= unsent > 0;
	}
	if (held)
		return;
	collectors->lost += collectors->given - collectors->sent;
	collectors->given = collectors->sent;
}

/* Of many strangers few have anything to say: they are asked with one call. */
static void advance_strangers(struct collectors *collectors)
{
	struct collector *place[COLLECTORS_PLACES];
	struct pollfd fds[COLLECTORS_PLACES];
	uint64_t deadline[COLLECTORS_PLACES];
	size_t count = 0;

	for (size_t i = 0; i < COLLECTORS_PLACES; i++) {
		if (!is_stranger(&collectors->collector[i]))
			continue;
		place[count] = &collectors->collector[i];
		fds[count].fd =
			session_poll(place[count]->session, &fds[count].events,
				     &deadline[count]);
		count++;
	}
	if (count)
		poll(fds, count, 0);
	for (size_t i = 0; i < count; i++)
		if (fds[i].revents || collectors->now >= deadline[i])
			advance(collectors, place[i]);
}

void collectors_advance(struct collectors *collectors, uint64_t now_ns)
{
	collectors->now = now_ns;
	for (size_t i = 0; i < COLLECTORS_PLACES; i++)
		if (collectors->collector[i].session &&
		    collectors->collector[i].streamed)
			advance(collectors, &collectors->collector[i]);
	advance_strangers(collectors);
	count_sent(collectors);
	limit_settle(&collectors->strangers, collectors->config->socket,
		     now_ns);
	limit_settle(&collectors->known, collectors->config->socket, now_ns);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

size_t collectors_poll(const struct collectors *collectors, struct pollfd *fds,
		       uint64_t *deadline_ns)
{
	size_t count = 0;

	*deadline_ns = earlier(limit_due(&collectors->strangers),
			       limit_due(&collectors->known));
	for (size_t i = 0; i < COLLECTORS_PLACES; i++) {
		const struct collector *collector = &collectors->collector[i];
		uint64_t deadline;
		if (!collector->session)
			continue;
		fds[count].fd = session_poll(collector->session,
					     &fds[count].events, &deadline);
		count++;
		if (collector->full_since && !collector->lags)
			deadline = earlier(deadline,
					   collector->full_since +
						   COLLECTORS_PATIENCE_NS);
		*deadline_ns = earlier(deadline, *deadline_ns);
	}
	return count;
}

void collectors_stop(struct collectors *collectors)
{
	for (size_t i = 0; i < COLLECTORS_PLACES; i++)
		if (collector_streams(&collectors->collector[i]))
			session_stop(collectors->collector[i].session);
}

/* None is there to whom there is anything more to say. */
static bool have_left(const struct collectors *collectors)
{
	for (size_t i = 0; i < COLLECTORS_PLACES; i++)
		if (collectors->collector[i].session &&
		    collectors->collector[i].streamed)
			return false;
	return true;
}

static void count(const struct collectors *collectors,
		  struct session_counts *counts)
{
	*counts = collectors->past;
	for (size_t i = 0; i < COLLECTORS_PLACES; i++) {
		const struct collector *collector = &collectors->collector[i];
		if (!collector->session)
			continue;
		add(counts, session_counts(collector->session));
		counts->missed += collector->lost;
		counts->up += collector_streams(collector);
	}
	counts->frames = collectors->sent;
}

void collectors_status(const struct collectors *collectors,
		       struct endpoint_status *status)
{
	status->over = have_left(collectors);
	status->unsent = collectors->given - collectors->sent;
	status->lost = collectors->lost;
	count(collectors, &status->counts);
}

uint64_t collectors_close(struct collectors *collectors)
{
	uint64_t lost = collectors->lost;

	for (size_t i = 0; i < COLLECTORS_PLACES; i++)
		if (collectors->collector[i].session)
			disconnect(collectors, &collectors->collector[i], false,
				   "done");
	count_sent(collectors);
	limit_settle(&collectors->strangers, collectors->config->socket,
		     UINT64_MAX);
	limit_settle(&collectors->known, collectors->config->socket,
		     UINT64_MAX);
	return collectors->lost - lost;
}
