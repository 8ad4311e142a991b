/* SPDX-License-Identifier: Apache-2.0
 *
 * From a session to its connection.
 */
#include "shim/capture/tls.h"

#include <string.h>

#include "proto/common.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/sessions.h"

#define TRIES 8

_Atomic bool tls_is_used;

enum tls_protocol tls_protocol_of(const uint8_t *name, size_t size)
{
	static const struct {
		const char *name;
		enum tls_protocol protocol;
	} known[] = {
		{ "h2", TLS_HTTP_2 },
		{ "http/1.1", TLS_HTTP_1 },
		{ "http/1.0", TLS_HTTP_1 },
	};

	if (!size)
		return TLS_UNNAMED;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (size == strlen(known[i].name) &&
		    !memcmp(name, known[i].name, size))
			return known[i].protocol;
	return TLS_DNS;
}

static int find_by_hello(bool server, const uint8_t *random)
{
	struct sessions_key key = sessions_by_hello(server, random);

	return sessions_find(&key);
}

/* This side's random number tells, as the other can copy what it sees. Of both, where it
 * is not known which one that is, one alone is on the wire from here; if both are,
 * somebody has copied one. */
int tls_find(const struct tls_session *session)
{
	struct sessions_key handle = sessions_by_handle(session->handle);
	int server = -1, client = -1, fd;

	if (session->server)
		server = find_by_hello(true, session->server);
	if (session->client)
		client = find_by_hello(false, session->client);
	if (server >= 0 && client >= 0 && server != client) {
		enqueue_count_drop(DROP_STREAM, 1);
		return -1;
	}
	fd = server >= 0 ? server : client;
	if (fd < 0)
		return sessions_find(&handle);
	if (sessions_find(&handle) != fd) {
		sessions_forget(&handle);
		sessions_add(&handle, fd, fdtable_state(fd));
	}
	return fd;
}

/* What the table has of the connection, by now. A library that knows the socket has
 * told that it is TLS, if its hello has not. */
static bool known(struct capture_call *call)
{
	for (int i = 0; i < TRIES; i++) {
		call->state = fdtable_known(call->fd, &call->info);
		call->kind = fd_kind(call->state);
		if (call->kind < FD_NOT_DNS && !capture_learn(call))
			return false;
		if (!fd_is_stream(call->kind))
			return call->kind == FD_TLS;
		tls_is_used = true;
		/* Unless another thread has just learned something of it. */
		fdtable_learn(call->fd, call->state, FD_TLS, &call->info);
	}
	enqueue_count_drop(DROP_STREAM, 1);
	return false;
}

bool tls_enter(struct capture_call *call, int fd, bool sent)
{
	call->fd = fd;
	call->sent = sent;
	call->copy = 0;
	call->protocol = TLS_UNNAMED;
	if (fd < 0 || !known(call))
		return false;
	call->sequence = fdtable_sequence(call->fd, sent);
	if (sent)
		call->stamp_ns = clock_steady();
	return true;
}

void tls_begin(const struct capture_call *call, uint64_t state,
	       const struct hello *hello)
{
	/* Found first: from the next word on nobody looks for another hello. */
	struct sessions_key key =
		sessions_by_hello(hello->server, hello->random);

	tls_is_used = true;
	if (!sessions_add(&key, call->fd, state))
		enqueue_count_drop(DROP_STREAM, 1);
	fdtable_learn(call->fd, state, FD_TLS, &call->info);
}

void tls_end(const void *handle)
{
	struct sessions_key key = sessions_by_handle(handle);

	sessions_forget(&key);
}
