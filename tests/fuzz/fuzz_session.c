/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile collector: what it says, in which pieces, and how little it takes.
 * The first octet says which kind of session; then each piece has an octet for
 * its size and one for how much may be written meanwhile.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim/tap/stream/session.h"

struct hostile {
	struct transport transport;
	const uint8_t *piece;
	size_t left, budget;
	uint64_t taken;
};

static int hostile_open(struct transport *transport)
{
	transport->fd = 1 << 30; /* never used: only that it is open */
	return 0;
}

static int hostile_establish(struct transport *transport)
{
	(void)transport;
	return 0;
}

static ssize_t hostile_read(struct transport *transport, void *data,
			    size_t size)
{
	struct hostile *hostile = (struct hostile *)transport;

	if (!hostile->left)
		return -EAGAIN;
	if (size > hostile->left)
		size = hostile->left;
	memcpy(data, hostile->piece, size);
	hostile->piece += size;
	hostile->left -= size;
	return (ssize_t)size;
}

static ssize_t hostile_write(struct transport *transport, const void *data,
			     size_t size)
{
	struct hostile *hostile = (struct hostile *)transport;

	(void)data;
	if (!hostile->budget)
		return -EAGAIN;
	if (size > hostile->budget)
		size = hostile->budget;
	hostile->budget -= size;
	hostile->taken += size;
	return (ssize_t)size;
}

static void hostile_close(struct transport *transport)
{
	transport->fd = -1;
}

static const struct transport_ops ops = {
	.size = sizeof(struct hostile),
	.open = hostile_open,
	.establish = hostile_establish,
	.read = hostile_read,
	.write = hostile_write,
	.close = hostile_close,
};

/* So that half of the time is spent behind the handshake. */
static void accept_it(struct session *session, struct hostile *hostile)
{
	static const uint8_t accept[] = { 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1 };

	session_open(session, 0);
	hostile->piece = accept;
	hostile->left = sizeof(accept);
	hostile->budget = 200;
	session_advance(session, 0);
	session_advance(session, 0);
}

/* One message is added to what is to be sent, if there is room. */
static uint64_t put(struct session *session)
{
	uint8_t *room = session_reserve(session, 100);

	if (!room)
		return 0;
	memset(room, 'x', 100);
	session_commit(session, 100);
	return 1;
}

static void check(const struct session *session, const struct hostile *hostile,
		  uint64_t given)
{
	const struct session_counts *counts = session_counts(session);

	if (counts->frames + session_unsent(session) != given ||
	    counts->octets > hostile->taken)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct hostile *hostile = calloc(1, sizeof(*hostile));
	hostile->transport =
		(struct transport){ .ops = &ops, .fd = -1, .room = UINT64_MAX };
	struct session *session = session_new(&hostile->transport, data[0] & 1);
	uint64_t now = 0, given = 0;

	if (data[0] & 4)
		accept_it(session, hostile);
	for (size_t at = 1; at + 2 <= size; now += 1000000000) {
		if (session_state(session) == SESSION_CLOSED)
			session_open(session, now);
		hostile->left =
			data[at] < size - at - 2 ? data[at] : size - at - 2;
		hostile->piece = data + at + 2;
		hostile->budget = data[at + 1];
		at += 2 + hostile->left;
		given += put(session);
		if (data[0] & 2 && at * 2 > size)
			session_stop(session);
		session_advance(session, now);
		check(session, hostile, given);
	}
	session_free(session);
	return 0;
}
