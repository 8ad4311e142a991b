/* SPDX-License-Identifier: Apache-2.0
 *
 * The addresses of sockets as the user writes them.
 */
#pragma once

#include <sys/socket.h>

#define ADDRESSES_MAX 8 /* of one name */

struct address {
	struct sockaddr_storage socket;
	socklen_t size;
};

/* `path` as in a tap: a path, or @name for an abstract socket. Returns 0,
 * -ENOENT if it is empty or -ENAMETOOLONG. */
int address_unix(const char *path, struct address *address);

/* HOST:PORT, [IPV6]:PORT or :PORT; flags: AI_PASSIVE for every address if there
 * is no HOST, otherwise loopback. Returns how many there are, or -EINVAL if the
 * text has another form, -ENOENT if HOST or PORT is not known, or -ENOMEM. */
int address_tcp(const char *text, int flags,
		struct address addresses[ADDRESSES_MAX]);
