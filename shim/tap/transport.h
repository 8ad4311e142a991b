/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to a collector, or one file: octets out, octets in, never
 * waiting. One table of functions for each kind of endpoint.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"

#define TRANSPORT_ERROR_MAX 256

struct transport;

struct transport_ops {
	size_t size; /* of the structure that begins with struct transport */

	/* Begins to connect. 0: established; -EAGAIN: call establish when the
	 * fd is ready for `events`; else -errno, and nothing is open. */
	int (*open)(struct transport *transport);
	/* Likewise. May have changed fd and events. */
	int (*establish)(struct transport *transport);
	/* As read(2) and write(2), but with -EAGAIN and -errno. */
	ssize_t (*read)(struct transport *transport, void *data, size_t size);
	ssize_t (*write)(struct transport *transport, const void *data,
			 size_t size);
	/* Safe in any state. */
	void (*close)(struct transport *transport);
};

struct transport {
	const struct transport_ops *ops;
	const struct tap_config *config;
	int fd;       /* -1: not open */
	short events; /* what poll(2) is to wait for while establishing */
	/* More than an errno says, for the log; "" if there is no more. */
	char error[TRANSPORT_ERROR_MAX];
};

extern const struct transport_ops transport_unix, transport_tcp;

/* The one for the endpoint's kind; NULL when out of memory. */
struct transport *transport_new(const struct tap_config *config);
void transport_free(struct transport *transport);

/* Shared by the kinds that are plain sockets. */
ssize_t transport_socket_read(struct transport *transport, void *data,
			      size_t size);
ssize_t transport_socket_write(struct transport *transport, const void *data,
			       size_t size);
void transport_socket_close(struct transport *transport);
