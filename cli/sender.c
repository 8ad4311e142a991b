/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's session, driven until it is done.
 */
#include "cli/sender.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "config/socket.h"
#include "shim/base/clock.h"

#define TICK_MS  100 /* so often the session looks at its deadline */
#define RETRY_MS 1000

/* Of a patient one only the first time, until it is there again. */
static int lost(struct sender *sender, int error)
{
	const char *detail = session_error(sender->session);

	if (!sender->reported && error != -EINTR)
		cli_warn("%s: %s%s", sender->to.socket,
			 *detail ? detail : strerror(-error),
			 sender->patient ? "; trying again every second" : "");
	sender->reported = sender->patient;
	return error;
}

/* The caller of a patient one has both blocked. */
static bool is_interrupted(const struct sender *sender)
{
	sigset_t pending;

	return sender->patient && !sigpending(&pending) &&
	       (sigismember(&pending, SIGINT) ||
		sigismember(&pending, SIGTERM));
}

/* Returns 0 or -errno. */
static int advance(struct sender *sender)
{
	int error = session_advance(sender->session, clock_steady());

	return error ? lost(sender, error) : 0;
}

static void await(const struct sender *sender)
{
	struct pollfd polled = { .fd = -1 };
	uint64_t deadline;

	polled.fd = session_poll(sender->session, &polled.events, &deadline);
	poll(&polled, 1, TICK_MS);
}

/* Until the session is in that state. Returns 0 or -errno. */
static int reach(struct sender *sender, enum session_state wanted)
{
	for (;;) {
		int error = advance(sender);

		if (error || session_state(sender->session) == wanted)
			return error;
		if (is_interrupted(sender))
			return -EINTR;
		await(sender);
	}
}

static int connect_once(struct sender *sender)
{
	int error = session_open(sender->session, clock_steady());

	return error ? lost(sender, error) : reach(sender, SESSION_STREAMING);
}

/* Returns 0 or -EINTR. */
static int connect_again(struct sender *sender)
{
	while (connect_once(sender)) {
		for (int ms = 0; ms < RETRY_MS; ms += TICK_MS) {
			if (is_interrupted(sender))
				return -EINTR;
			poll(NULL, 0, TICK_MS);
		}
	}
	if (sender->reported)
		cli_warn("%s: connected", sender->to.socket);
	sender->reported = false;
	return 0;
}

/* What was not wholly written goes over the next connection. */
static int advance_or_connect(struct sender *sender)
{
	int error = advance(sender);

	return error && sender->patient ? connect_again(sender) : error;
}

static int begin(struct sender *sender)
{
	int error =
		sender->patient ? connect_again(sender) : connect_once(sender);

	return error && error != -EINTR ? EX_UNAVAILABLE : EX_OK;
}

static int open_session(struct sender *sender)
{
	struct transport *transport = transport_new(&sender->to, NULL);

	if (!transport)
		return cli_no_memory();
	sender->session = session_new(transport, false);
	if (!sender->session) {
		transport_free(transport);
		return cli_no_memory();
	}
	signal(SIGPIPE, SIG_IGN);
	return begin(sender);
}

int sender_unix(struct sender *sender, const char *path)
{
	sender->text = strdup(path);
	if (!sender->text)
		return cli_no_memory();
	sender->to = (struct tap_config){ .kind = ENDPOINT_UNIX,
					  .socket = sender->text,
					  .address = sender->text };
	return open_session(sender);
}

/* Behind what is shown stand its two parts. */
int sender_tcp(struct sender *sender, const char *option, const char *host_port)
{
	size_t size = strlen(host_port) + 1;
	const char *wrong;

	sender->text = malloc(2 * size);
	if (!sender->text)
		return cli_no_memory();
	memcpy(sender->text, host_port, size);
	memcpy(sender->text + size, host_port, size);
	sender->to = (struct tap_config){ .kind = ENDPOINT_TCP,
					  .socket = sender->text,
					  .address = sender->text + size,
					  .write_buffer = 1 };
	wrong = socket_cut(sender->to.address, &sender->to.port);
	if (!wrong && !cli_is_port(sender->to.port))
		wrong = "a port is a number from 1 to 65535";
	if (wrong)
		return cli_usage("%s wants HOST:PORT, not '%s': %s", option,
				 host_port, wrong);
	return open_session(sender);
}

int sender_frame(struct sender *sender, const uint8_t *data, size_t size)
{
	uint8_t *room = session_reserve(sender->session, size);

	while (!room) {
		int error = advance_or_connect(sender);

		if (!error && is_interrupted(sender))
			error = -EINTR;
		if (error)
			return error;
		room = session_reserve(sender->session, size);
		if (!room)
			await(sender);
	}
	memcpy(room, data, size);
	session_commit(sender->session, size);
	sender->given++;
	return 0;
}

int sender_flush(struct sender *sender)
{
	int error = advance_or_connect(sender);

	while (!error && session_unsent(sender->session)) {
		await(sender);
		error = is_interrupted(sender) ? -EINTR
					       : advance_or_connect(sender);
	}
	return error;
}

int sender_finish(struct sender *sender)
{
	const struct session_counts *counts = session_counts(sender->session);

	if (session_state(sender->session) != SESSION_CLOSED) {
		session_stop(sender->session);
		reach(sender, SESSION_CLOSED);
	}
	if (!counts->connects)
		cli_warn("%s: no connection was made: nothing was sent",
			 sender->to.socket);
	else if (counts->frames < sender->given)
		cli_warn("%s: of %" PRIu64 " messages only %" PRIu64
			 " were taken",
			 sender->to.socket, sender->given, counts->frames);
	else if (!counts->finished)
		cli_warn("%s: all %" PRIu64 " messages were taken, but not "
			 "acknowledged (no FINISH): whether the collector has "
			 "them is not known",
			 sender->to.socket, sender->given);
	else
		return EX_OK;
	return EX_UNAVAILABLE;
}

void sender_free(struct sender *sender)
{
	session_free(sender->session);
	free(sender->text);
}
