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

#define DOOR_SOCKETS_MAX 8

/* So many connections may wait to be accepted, if net.core.somaxconn lets them:
 * a collector is to get its turn behind many others. */
#define DOOR_BACKLOG 4096

struct door {
	size_t count; /* 0: closed */
	int fd[DOOR_SOCKETS_MAX];
	struct stat made; /* the unix socket in the file system */
};

/*
 * Opens it. A unix socket that nobody listens on any more is replaced; one that
 * somebody does, or anything else of that name, is not. `to` is for TCP.
 * Returns 0 or -errno: -EADDRINUSE where another program listens, -ENOLCK where
 * somebody has put something in the place of the lock file beside it.
 */
int door_open(struct door *door, const struct tap_config *config,
	      const struct resolver_answer *to);

/* The next one who stands before it. Returns an fd, non-blocking; -EAGAIN:
 * nobody; else -errno. */
int door_accept(const struct door *door);

/* Removes the unix socket, if it is still ours. */
void door_close(struct door *door, const struct tap_config *config);
