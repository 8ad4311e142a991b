/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets for collectors: unix and TCP.
 */
#pragma once

#include <sys/types.h>

#include "cli/read/address.h"

/* `path` as in a tap: a path, or @name for an abstract socket. A socket that
 * nobody listens on any more is replaced. mode: of the new socket, or
 * (mode_t)-1 for what the umask leaves. Returns the socket, or -EADDRINUSE if
 * it is another's, -ENOTSOCK if the path is something else, another -errno. */
int listener_unix(const char *path, mode_t mode);

/* As address_tcp has it, on every address of HOST. Returns how many sockets
 * there are in fds, or -errno. */
int listener_tcp(const char *text, int fds[ADDRESSES_MAX]);
