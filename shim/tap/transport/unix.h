/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of unix sockets.
 */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

/* For a path, or @name in the abstract space. Returns the name's size, or 0 if
 * it is too long. */
socklen_t unix_name(const char *path, struct sockaddr_un *name);
