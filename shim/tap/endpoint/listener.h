/* SPDX-License-Identifier: Apache-2.0
 *
 * Where collectors connect to us: a unix socket, or TCP on each address that
 * the endpoint has.
 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#include "config/config.h"
#include "shim/tap/transport/resolver.h"

#define LISTENER_SOCKETS_MAX 8

/* So many connections may wait to be accepted, if net.core.somaxconn lets them:
 * a collector is to get its turn behind many others. */
#define LISTENER_BACKLOG 4096

struct listener {
	size_t count; /* 0: closed */
	int fd[LISTENER_SOCKETS_MAX];
	struct stat made; /* the unix socket in the file system */
};

/*
 * Opens it. A unix socket that nobody listens on any more is replaced; one that
 * somebody does, or anything else of that name, is not. `to` is for TCP.
 * Returns 0 or -errno: -EADDRINUSE where another program listens, -ENOLCK where
 * somebody has put something in the place of the lock file beside it.
 */
int listener_open(struct listener *listener, const struct tap_config *config,
		  const struct resolver_answer *to);

/* The next collector that has connected. Returns an fd, non-blocking; -EAGAIN:
 * nobody; else -errno. */
int listener_accept(const struct listener *listener);

/* Removes the unix socket, if it is still ours. */
void listener_close(struct listener *listener, const struct tap_config *config);
