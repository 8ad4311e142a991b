/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting without waiting.
 */
#include "cli/read/outgoing.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int outgoing_init(struct outgoing *outgoing, const char *where)
{
	bool unixes =
		*where == '@' || strchr(where, '/') || !strchr(where, ':');
	int n;

	*outgoing = (struct outgoing){ 0 };
	n = unixes ? address_unix(where, outgoing->addresses)
		   : address_tcp(where, 0, outgoing->addresses);
	if (n < 0)
		return n;
	outgoing->n = unixes ? 1 : n;
	return 0;
}

int outgoing_connect(struct outgoing *outgoing)
{
	const struct address *address = &outgoing->addresses[outgoing->next];
	const struct sockaddr *to = (const struct sockaddr *)&address->socket;
	int fd = socket(to->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, error;

	outgoing->next = (outgoing->next + 1) % outgoing->n;
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
