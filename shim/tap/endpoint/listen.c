/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint to which collectors connect: the listener and the collectors. It opens
 * with the first message, and only one process can have it: of a server with
 * several, whichever was first.
 */
#include "shim/tap/endpoint/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/tap/endpoint/collectors.h"
#include "shim/tap/endpoint/listener.h"
#include "shim/tap/endpoint/retry.h"
#include "shim/tap/transport/certificates.h"
#include "shim/tap/transport/tcp.h"

#define REFUSED_NS  (100 * NS_PER_MS)
#define ACCEPTS_MAX 32 /* before messages get their turn */

struct listen {
	struct endpoint endpoint;
	const struct prepared *prepared;
	struct resolver *resolver; /* NULL: the address is in figures */
	bool asked;
	struct listener listener;
	struct retry retry;
	char why[TRANSPORT_ERROR_MAX]; /* it could not be opened */
	SSL_CTX *context;
	uint64_t now;
	bool stopping;
	uint64_t refused_until; /* no connection was to be had */
	struct collectors collectors;
};

static struct listen *listen_of(const struct endpoint *endpoint)
{
	return (struct listen *)endpoint;
}

static int listen_begin(struct endpoint *endpoint,
			const struct prepared *prepared)
{
	const struct tap_config *config = endpoint->config;
	struct listen *listen = listen_of(endpoint);

	listen->prepared = prepared;
	listen->collectors.config = config;
	retry_begin(&listen->retry);
	if (config->kind == ENDPOINT_UNIX || !tcp_is_name(config->address))
		return 0;
	listen->resolver = resolver_start(config->address, config->port);
	return listen->resolver ? 0 : -EAGAIN;
}

static void log_failed(struct listen *listen, const char *cause)
{
	snprintf(listen->why, sizeof(listen->why), "%s", cause);
	retry_failed(&listen->retry, listen->endpoint.config->socket, cause,
		     listen->now);
}

/* Returns NULL as long as the name is being looked up. */
static const struct resolver_answer *address(struct listen *listen,
					     struct resolver_answer *figures)
{
	const struct tap_config *config = listen->endpoint.config;

	if (config->kind == ENDPOINT_UNIX)
		return figures;
	if (!listen->resolver) {
		resolver_figures(config->address, config->port, AI_PASSIVE,
				 figures);
		return figures;
	}
	if (!listen->asked)
		resolver_ask(listen->resolver);
	listen->asked = true;
	return resolver_answer(listen->resolver);
}

static bool has_context(struct listen *listen)
{
	char error[TRANSPORT_ERROR_MAX];

	if (listen->endpoint.config->kind != ENDPOINT_TLS || listen->context)
		return true;
	listen->context = certificates_context(listen->endpoint.config,
					       listen->prepared, error);
	if (!listen->context)
		log_failed(listen, error);
	return listen->context;
}

static const char *cause_of(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another program listens there";
	case -ENOLCK:
		return "what is called SOCKET.lock is no lock file of ours";
	default:
		return strerror(-error);
	}
}

static void open_listener(struct listen *listen)
{
	const struct tap_config *config = listen->endpoint.config;
	struct resolver_answer figures = { 0 };

	if (listen->now < listen->retry.at || !has_context(listen))
		return;
	if (!transport_allowed(config)) {
		log_failed(listen, "the server's own seccomp filter might end "
				   "it for listening");
		return;
	}
	const struct resolver_answer *to = address(listen, &figures);
	if (!to)
		return;
	listen->asked = false;
	int error = to->error ? -EADDRNOTAVAIL
			      : listener_open(&listen->listener, config, to);
	if (error) {
		log_failed(listen, to->error ? gai_strerror(to->error)
					     : cause_of(error));
		return;
	}
	retry_succeeded(&listen->retry, listen->now);
	log_line(config->socket, "listening; messages are dropped as long as "
				 "no collector is connected");
}

static bool is_open(const struct listen *listen)
{
	return listen->listener.count && !listen->stopping;
}

/* When the listener is to be looked at: at once, or when there is a place for one
 * more; they wait in the kernel until then. */
static uint64_t accept_at(const struct listen *listen)
{
	uint64_t vacant = collectors_vacant_at(&listen->collectors);

	return vacant > listen->refused_until ? vacant : listen->refused_until;
}

static void accept_all(struct listen *listen)
{
	for (int i = 0; i < ACCEPTS_MAX && is_open(listen) &&
			accept_at(listen) <= listen->now;
	     i++) {
		int fd = listener_accept(&listen->listener);
		if (fd == -EAGAIN)
			return;
		if (fd < 0) /* out of fds or memory: no event tells more */
			listen->refused_until = listen->now + REFUSED_NS;
		else
			collectors_add(&listen->collectors, fd, listen->context,
				       listen->now);
	}
}

static void listen_advance(struct endpoint *endpoint, uint64_t now_ns)
{
	struct listen *listen = listen_of(endpoint);

	listen->now = now_ns;
	if (!listen->listener.count && !listen->stopping)
		open_listener(listen);
	collectors_advance(&listen->collectors, now_ns);
	accept_all(listen);
}

static uint8_t *listen_reserve(struct endpoint *endpoint, size_t size)
{
	return collectors_reserve(&listen_of(endpoint)->collectors, size);
}

static void listen_commit(struct endpoint *endpoint, size_t size)
{
	collectors_commit(&listen_of(endpoint)->collectors, size);
}

static size_t listen_poll(const struct endpoint *endpoint, struct pollfd *fds,
			  uint64_t *deadline_ns)
{
	const struct listen *listen = listen_of(endpoint);
	size_t count = collectors_poll(&listen->collectors, fds, deadline_ns);

	if (!listen->listener.count && !listen->asked &&
	    listen->retry.at < *deadline_ns)
		*deadline_ns = listen->retry.at;
	if (!is_open(listen))
		return count;
	if (accept_at(listen) > listen->now) {
		if (accept_at(listen) < *deadline_ns)
			*deadline_ns = accept_at(listen);
		return count;
	}
	for (size_t i = 0; i < listen->listener.count; i++)
		fds[count++] = (struct pollfd){ .fd = listen->listener.fd[i],
						.events = POLLIN };
	return count;
}

static void listen_stop(struct endpoint *endpoint)
{
	listen_of(endpoint)->stopping = true;
	collectors_stop(&listen_of(endpoint)->collectors);
}

static void listen_status(const struct endpoint *endpoint,
			  struct endpoint_status *status)
{
	*status = (struct endpoint_status){ .ready = true };
	collectors_status(&listen_of(endpoint)->collectors, status);
}

static void listen_about(const struct endpoint *endpoint, char *text,
			 size_t size)
{
	const struct listen *listen = listen_of(endpoint);
	struct endpoint_status status;

	listen_status(endpoint, &status);
	if (!listen->listener.count)
		snprintf(text, size, "down: %s",
			 *listen->why ? listen->why : "not yet listening");
	else
		snprintf(text, size, "listening, collectors connected: %llu",
			 (unsigned long long)status.counts.up);
}

static uint64_t listen_close(struct endpoint *endpoint)
{
	struct listen *listen = listen_of(endpoint);

	listener_close(&listen->listener, endpoint->config);
	return collectors_close(&listen->collectors);
}

static void listen_end(struct endpoint *endpoint)
{
	struct listen *listen = listen_of(endpoint);

	listen_close(endpoint);
	certificates_free(listen->context);
	if (listen->resolver)
		resolver_end(listen->resolver);
}

const struct endpoint_ops endpoint_listen = {
	.size = sizeof(struct listen),
	.begin = listen_begin,
	.advance = listen_advance,
	.reserve = listen_reserve,
	.commit = listen_commit,
	.poll = listen_poll,
	.stop = listen_stop,
	.status = listen_status,
	.about = listen_about,
	.close = listen_close,
	.end = listen_end,
};
