/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets.
 */
#include "cli/read/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG      128

/* Removes a socket whose listener is gone; leaves everything else alone. */
static int remove_stale(const char *path, const struct address *address)
{
	struct stat file;
	int fd, error;

	if (lstat(path, &file) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(file.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (fd < 0)
		return -errno;
	error = connect(fd, (const struct sockaddr *)&address->socket,
			address->size)
			? errno
			: 0;
	close(fd);
	if (error != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) ? -errno : 0;
}

static int listen_at(const struct address *address)
{
	const struct sockaddr *at = (const struct sockaddr *)&address->socket;
	int family = at->sa_family;
	int one = 1, error;
	int fd = socket(family, SOCKET_FLAGS, 0);

	if (fd < 0)
		return -errno;
	if (family != AF_UNIX) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	}
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!bind(fd, at, address->size) && !listen(fd, BACKLOG))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

int listener_unix(const char *path, mode_t mode)
{
	struct address address;
	int error = address_unix(path, &address);
	int fd;

	if (!error && *path != '@')
		error = remove_stale(path, &address);
	if (error < 0)
		return error;
	fd = listen_at(&address);
	if (fd >= 0 && *path != '@' && mode != (mode_t)-1 &&
	    chmod(path, mode)) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int listener_tcp(const char *text, int fds[ADDRESSES_MAX])
{
	struct address addresses[ADDRESSES_MAX];
	int listening = 0, fd;
	int n = address_tcp(text, AI_PASSIVE, addresses);
	int result = n;

	for (int i = 0; i < n; i++) {
		fd = listen_at(&addresses[i]);
		if (fd < 0)
			result = fd;
		else
			fds[listening++] = fd;
	}
	return listening ? listening : result;
}
