/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a tap's frames go: one collector that we connect to, or those that connect to us. All
 * of it belongs to the tap's thread, and never waits.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/tap/stream/session.h"
#include "shim/tap/transport/transport.h"

/* fds that one endpoint may ask poll(2) to watch. */
#define ENDPOINT_FDS_MAX 136

struct endpoint;

struct endpoint_status {
	bool ready;      /* messages are wanted at all just now */
	bool over;       /* at the end: there is nothing more to wait for */
	uint64_t unsent; /* frames that were committed and are yet to be sent */
	uint64_t lost;   /* that were committed and will reach nobody */
	struct session_counts counts; /* all since it was made */
};

struct endpoint_ops {
	size_t size; /* of the structure that begins with struct endpoint */

	/* While the thread has the host's fds: the only place to start another
	 * that is to have them too, and none to open any. Returns 0 or -errno. */
	int (*begin)(struct endpoint *endpoint,
		     const struct prepared *prepared);
	/* Connects, accepts, sends, receives: all that can be done at once. */
	void (*advance)(struct endpoint *endpoint, uint64_t now_ns);
	/* See session_record. NULL where nobody knows more than the status. */
	void (*record)(struct endpoint *endpoint, struct progress *progress,
		       uint64_t frames);
	/* Room for a frame of up to `size` octets; NULL: try later. */
	uint8_t *(*reserve)(struct endpoint *endpoint, size_t size);
	void (*commit)(struct endpoint *endpoint, size_t size);
	/* Fills up to ENDPOINT_FDS_MAX and returns how many; the time at which
	 * to advance at the latest, UINT64_MAX: none. */
	size_t (*poll)(const struct endpoint *endpoint, struct pollfd *fds,
		       uint64_t *deadline_ns);
	/* Takes leave once everything is sent, and begins anew: another file,
	 * another connection; at once where there is none. NULL where it is not
	 * for us to begin. */
	void (*roll)(struct endpoint *endpoint, uint64_t now_ns);
	/* The end begins: a collector that was away is asked for once more. NULL
	 * where it is not for us to ask. */
	void (*retry)(struct endpoint *endpoint);
	/* Says farewell once everything is sent. */
	void (*stop)(struct endpoint *endpoint);
	void (*status)(const struct endpoint *endpoint,
		       struct endpoint_status *status);
	/* For an operator: how it is connected, in a few words. */
	void (*about)(const struct endpoint *endpoint, char *text, size_t size);
	/* All, at once, for good. Returns what was unsent. */
	uint64_t (*close)(struct endpoint *endpoint);
	void (*end)(struct endpoint *endpoint); /* releases its parts */
};

struct endpoint {
	const struct endpoint_ops *ops;
	const struct tap_config *config;
};

static inline struct endpoint_status endpoint_status(
	const struct endpoint *endpoint)
{
	struct endpoint_status status;

	endpoint->ops->status(endpoint, &status);
	return status;
}

extern const struct endpoint_ops endpoint_outgoing, endpoint_listen;

/* Before worker_isolate_fds(). Returns NULL when out of memory or threads. Both arguments
 * must stay. */
struct endpoint *endpoint_new(const struct tap_config *config,
			      const struct prepared *prepared);
void endpoint_free(struct endpoint *endpoint);
