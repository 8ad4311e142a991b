/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting without waiting.
 */
#include "cli/read/caller.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int caller_init(struct caller *caller, const char *where)
{
	bool unixes =
		*where == '@' || strchr(where, '/') || !strchr(where, ':');
	int n;

	*caller = (struct caller){ 0 };
	n = unixes ? address_unix(where, caller->addresses)
		   : address_tcp(where, 0, caller->addresses);
	if (n < 0)
		return n;
	caller->n = unixes ? 1 : n;
	return 0;
}

int caller_connect(struct caller *caller)
{
	const struct address *address = &caller->addresses[caller->turn];
	const struct sockaddr *to = (const struct sockaddr *)&address->socket;
	int fd = socket(to->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, error;

	caller->turn = (caller->turn + 1) % caller->n;
	if (fd < 0)
		return -errno;
	if (to->sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (!connect(fd, to, address->size) || errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	return -error;
}
