/* SPDX-License-Identifier: Apache-2.0
 *
 * Each with a session of its own.
 */
#include "shim/tap/endpoint/audience.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/own.h"

#define PATIENCE_NS (100 * NS_PER_MS) /* with one that does not keep up */
#define STRANGER_NS (250 * NS_PER_MS) /* that a stranger has for itself */

#define TEXT(number)  TEXT_(number)
#define TEXT_(number) #number
#define CROWDED \
	"one more collector is turned away: there are " TEXT(AUDIENCE_MAX)

/* Its address, or its process. */
static void name_peer(int fd, char *name)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	struct ucred who = { 0 };
	char host[AUDIENCE_NAME_SIZE - 16], port[8];

	if (!getpeername(fd, (struct sockaddr *)&from, &size) &&
	    !getnameinfo((struct sockaddr *)&from, size, host, sizeof(host),
			 port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) &&
	    from.ss_family != AF_UNIX) {
		snprintf(name, AUDIENCE_NAME_SIZE,
			 strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
		return;
	}
	size = sizeof(who);
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	snprintf(name, AUDIENCE_NAME_SIZE, "process %ld", (long)who.pid);
}

static bool streams(const struct collector *collector)
{
	return collector->session &&
	       session_state(collector->session) == SESSION_STREAMING;
}

static bool is_stranger(const struct collector *collector)
{
	return collector->session && !collector->greeted;
}

static size_t count_known(const struct audience *audience)
{
	size_t count = 0;

	for (size_t i = 0; i < AUDIENCE_PLACES; i++)
		count += audience->collector[i].session &&
			 audience->collector[i].greeted;
	return count;
}

/* A free place, or else that of the stranger who has been there longest. There is
 * one of either, as there are more places than may be streamed to. */
static struct collector *next_place(const struct audience *audience)
{
	const struct collector *oldest = NULL;

	for (size_t i = 0; i < AUDIENCE_PLACES; i++) {
		const struct collector *collector = &audience->collector[i];

		if (!collector->session)
			return (struct collector *)collector;
		if (is_stranger(collector) &&
		    (!oldest || collector->since < oldest->since))
			oldest = collector;
	}
	return (struct collector *)oldest;
}

uint64_t audience_vacant_at(const struct audience *audience)
{
	const struct collector *place = next_place(audience);

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

static void log_parting(struct audience *audience,
			const struct collector *collector, bool failed,
			const char *cause)
{
	const char *tap = audience->config->socket;

	if (!collector->greeted)
		limit_say(&audience->strangers, tap, audience->now, "%s: %s",
			  collector->name, cause);
	else if (failed || collector->lost)
		limit_say(&audience->known, tap, audience->now,
			  "%s: %s; it got %" PRIu64
			  " messages and lost %" PRIu64,
			  collector->name, cause,
			  session_counts(collector->session)->frames,
			  collector->lost);
}

/* What it has not got yet is lost to it. */
static void part(struct audience *audience, struct collector *collector,
		 bool failed, const char *cause)
{
	session_close(collector->session);
	collector->lost += session_unsent(collector->session);
	log_parting(audience, collector, failed, cause);
	add(&audience->past, session_counts(collector->session));
	audience->past.missed += collector->lost;
	session_free(collector->session);
	collector->session = NULL;
}

/* It takes messages from now on. */
static void greet(struct audience *audience, struct collector *collector)
{
	if (count_known(audience) >= AUDIENCE_MAX) {
		part(audience, collector, true, CROWDED);
		return;
	}
	collector->greeted = true;
	limit_say(&audience->known, audience->config->socket, audience->now,
		  "%s: %s", collector->name, session_about(collector->session));
}

static void attend(struct audience *audience, struct collector *collector)
{
	int error = session_advance(collector->session, audience->now);

	if (!error && streams(collector) && !collector->greeted)
		greet(audience, collector);
	else if (error || session_state(collector->session) == SESSION_CLOSED)
		part(audience, collector, error, cause_of(collector, error));
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
		own_close(fd);
	return session;
}

void audience_welcome(struct audience *audience, int fd, void *context,
		      uint64_t now_ns)
{
	const struct tap_config *config = audience->config;
	struct collector *place = next_place(audience);

	audience->now = now_ns;
	if (count_known(audience) >= AUDIENCE_MAX) {
		own_close(fd);
		limit_say(&audience->strangers, config->socket, now_ns, "%s",
			  CROWDED);
		return;
	}
	if (place->session)
		part(audience, place, true,
		     "gives way to others, as it does not accept");
	struct session *session = new_session(config, fd, context);
	if (!session)
		return;
	*place = (struct collector){ .session = session, .since = now_ns };
	name_peer(fd, place->name);
	session_open(session, now_ns);
	attend(audience, place);
}

/* Of the messages that were given to anybody, whoever is furthest has got all
 * but what it has not sent yet. What nobody holds any more and nobody has sent
 * went with those who left. */
static void count_sent(struct audience *audience)
{
	bool held = false;

	for (size_t i = 0; i < AUDIENCE_PLACES; i++) {
		const struct collector *collector = &audience->collector[i];
		if (!collector->session)
			continue;
		uint64_t unsent = session_unsent(collector->session);
		if (collector->last - unsent > audience->sent)
			audience->sent = collector->last - unsent;
		held |= unsent > 0;
	}
	if (held)
		return;
	audience->lost += audience->given - audience->sent;
	audience->given = audience->sent;
}

/* Of many strangers few have anything to say: they are asked with one call. */
static void attend_strangers(struct audience *audience)
{
	struct collector *place[AUDIENCE_PLACES];
	struct pollfd fds[AUDIENCE_PLACES];
	uint64_t deadline[AUDIENCE_PLACES];
	size_t count = 0;

	for (size_t i = 0; i < AUDIENCE_PLACES; i++) {
		if (!is_stranger(&audience->collector[i]))
			continue;
		place[count] = &audience->collector[i];
		fds[count].fd =
			session_poll(place[count]->session, &fds[count].events,
				     &deadline[count]);
		count++;
	}
	if (count)
		poll(fds, count, 0);
	for (size_t i = 0; i < count; i++)
		if (fds[i].revents || audience->now >= deadline[i])
			attend(audience, place[i]);
}

void audience_advance(struct audience *audience, uint64_t now_ns)
{
	audience->now = now_ns;
	for (size_t i = 0; i < AUDIENCE_PLACES; i++)
		if (audience->collector[i].session &&
		    audience->collector[i].greeted)
			attend(audience, &audience->collector[i]);
	attend_strangers(audience);
	count_sent(audience);
	limit_settle(&audience->strangers, audience->config->socket, now_ns);
	limit_settle(&audience->known, audience->config->socket, now_ns);
}

static void lag(struct audience *audience, struct collector *collector)
{
	collector->lags = true;
	if (!collector->lost)
		limit_say(&audience->known, audience->config->socket,
			  audience->now,
			  "%s: does not keep up and loses messages",
			  collector->name);
}

/* Whether it can have the next message, must do without, or is waited for. */
enum taking { TAKES, LACKS, AWAITED };

static enum taking taking(struct audience *audience,
			  struct collector *collector, size_t size)
{
	if (!session_unsent(collector->session))
		collector->lags = false;
	if (collector->lags)
		return LACKS;
	if (session_reserve(collector->session, size)) {
		collector->full_since = 0;
		return TAKES;
	}
	if (!collector->full_since)
		collector->full_since = audience->now;
	if (audience->now - collector->full_since < PATIENCE_NS)
		return AWAITED;
	lag(audience, collector);
	return LACKS;
}

/* None of them keeps up: nobody is held up by waiting for any. */
static bool forgive(struct audience *audience, size_t size)
{
	bool room = false;

	for (size_t i = 0; i < AUDIENCE_PLACES; i++) {
		struct collector *collector = &audience->collector[i];
		if (!streams(collector) ||
		    !session_reserve(collector->session, size))
			continue;
		collector->lags = false;
		collector->full_since = 0;
		room = true;
	}
	return room;
}

uint8_t *audience_reserve(struct audience *audience, size_t size)
{
	size_t count[3] = { 0 };

	for (size_t i = 0; i < AUDIENCE_PLACES; i++)
		if (streams(&audience->collector[i]))
			count[taking(audience, &audience->collector[i],
				     size)]++;
	if (count[AWAITED])
		return NULL;
	if (!count[TAKES] && count[LACKS] && !forgive(audience, size))
		return NULL;
	return audience->frame;
}

static bool give(struct audience *audience, struct collector *collector,
		 size_t size)
{
	uint8_t *room = collector->lags
				? NULL
				: session_reserve(collector->session, size);

	if (!room) {
		collector->lost++;
		return false;
	}
	memcpy(room, audience->frame, size);
	session_commit(collector->session, size);
	collector->last = audience->given + 1;
	return true;
}

void audience_commit(struct audience *audience, size_t size)
{
	bool given = false;

	for (size_t i = 0; i < AUDIENCE_PLACES; i++)
		if (streams(&audience->collector[i]))
			given |= give(audience, &audience->collector[i], size);
	audience->given += given;
	audience->lost += !given;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

size_t audience_poll(const struct audience *audience, struct pollfd *fds,
		     uint64_t *deadline_ns)
{
	size_t count = 0;

	*deadline_ns = earlier(limit_due(&audience->strangers),
			       limit_due(&audience->known));
	for (size_t i = 0; i < AUDIENCE_PLACES; i++) {
		const struct collector *collector = &audience->collector[i];
		uint64_t deadline;
		if (!collector->session)
			continue;
		fds[count].fd = session_poll(collector->session,
					     &fds[count].events, &deadline);
		count++;
		if (collector->full_since && !collector->lags)
			deadline = earlier(deadline,
					   collector->full_since + PATIENCE_NS);
		*deadline_ns = earlier(deadline, *deadline_ns);
	}
	return count;
}

void audience_stop(struct audience *audience)
{
	for (size_t i = 0; i < AUDIENCE_PLACES; i++)
		if (streams(&audience->collector[i]))
			session_stop(audience->collector[i].session);
}

bool audience_left(const struct audience *audience)
{
	for (size_t i = 0; i < AUDIENCE_PLACES; i++)
		if (audience->collector[i].session &&
		    audience->collector[i].greeted)
			return false;
	return true;
}

uint64_t audience_unsent(const struct audience *audience)
{
	return audience->given - audience->sent;
}

uint64_t audience_lost(struct audience *audience)
{
	uint64_t lost = audience->lost;

	audience->lost = 0;
	return lost;
}

void audience_count(const struct audience *audience,
		    struct session_counts *counts)
{
	*counts = audience->past;
	for (size_t i = 0; i < AUDIENCE_PLACES; i++) {
		const struct collector *collector = &audience->collector[i];
		if (!collector->session)
			continue;
		add(counts, session_counts(collector->session));
		counts->missed += collector->lost;
		counts->up += streams(collector);
	}
	counts->frames = audience->sent;
}

void audience_close(struct audience *audience)
{
	for (size_t i = 0; i < AUDIENCE_PLACES; i++)
		if (audience->collector[i].session)
			part(audience, &audience->collector[i], false, "done");
	count_sent(audience);
	limit_settle(&audience->strangers, audience->config->socket,
		     UINT64_MAX);
	limit_settle(&audience->known, audience->config->socket, UINT64_MAX);
}
