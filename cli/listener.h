/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets for collectors: unix and TCP.
 */
#pragma once

#include <sys/types.h>

#define LISTENER_SOCKETS_MAX 8 /* addresses of one name */

/* `path` as in a tap: a path, or @name for an abstract socket. A socket that
 * nobody listens on any more is replaced. mode: of the new socket, or
 * (mode_t)-1 for what the umask leaves. Returns the socket, or -EADDRINUSE if
 * it is another's, -ENOTSOCK if the path is something else, another -errno. */
int listener_unix(const char *path, mode_t mode);

/* HOST:PORT, [IPV6]:PORT or :PORT, on every address of HOST. Returns how many
 * sockets there are in fds, or -EINVAL if the text has another form, -ENOENT
 * if HOST or PORT is not known, or another -errno. */
int listener_tcp(const char *text, int fds[LISTENER_SOCKETS_MAX]);
