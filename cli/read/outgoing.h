/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting to a tap that listens, again and again.
 */
#pragma once

#include <stdbool.h>

#include "cli/read/address.h"

struct outgoing {
	struct address addresses[ADDRESSES_MAX];
	unsigned n, next; /* which address is next; 0: all had their turn */
	bool reported;    /* the user knows that it is not there */
};

/* where: a path or @name; if it has a colon and no slash, HOST:PORT as in a
 * tap. Returns 0, or -errno as address_unix and address_tcp do. */
int outgoing_init(struct outgoing *outgoing, const char *where);

/* Begins to connect to the next address. The tap speaks first: who reads learns
 * whether there is a connection. Returns the socket, or -errno. */
int outgoing_connect(struct outgoing *outgoing);
