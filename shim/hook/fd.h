/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that begin, change or end what an fd stands for, each once for both
 * its ways: see io.h.
 */
#pragma once

#include "shim/hook/real.h"

long fd_socket(const struct real_table *by, int domain, int type, int protocol);
long fd_socketpair(const struct real_table *by, int domain, int type,
		   int protocol, int fds[2]);
long fd_bind(const struct real_table *by, int fd, const struct sockaddr *name,
	     socklen_t size);
long fd_connect(const struct real_table *by, int fd,
		const struct sockaddr *name, socklen_t size);
long fd_accept(const struct real_table *by, int fd, struct sockaddr *name,
	       socklen_t *size);
long fd_accept4(const struct real_table *by, int fd, struct sockaddr *name,
		socklen_t *size, int flags);
long fd_close(const struct real_table *by, int fd);
long fd_close_range(const struct real_table *by, unsigned first, unsigned last,
		    int flags);
long fd_dup(const struct real_table *by, int fd);
long fd_dup2(const struct real_table *by, int from, int to);
long fd_dup3(const struct real_table *by, int from, int to, int flags);
long fd_fcntl(const struct real_table *by, int fd, int command, void *argument);

/* What fcntl(2) has returned, under any of its names. */
long fd_duplicated(int command, int result);
