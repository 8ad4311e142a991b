/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections to a tap that listens.
 */
#pragma once

#include <stdbool.h>

#include "cli/read/address.h"

struct caller {
	struct address addresses[ADDRESSES_MAX];
	unsigned n, turn; /* which address is next; 0: all had their turn */
	bool told;        /* the user knows that it is not there */
};

/* where: a path or @name; if it has a colon and no slash, HOST:PORT as in a
 * tap. Returns 0, or -errno as address_unix and address_tcp do. */
int caller_init(struct caller *caller, const char *where);

/* Begins to connect to the next address. The tap speaks first: who reads learns
 * whether there is a connection. Returns the socket, or -errno. */
int caller_connect(struct caller *caller);
