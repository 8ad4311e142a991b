/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets.
 */
#include "cli/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
#define BACKLOG      128

/* Removes a socket whose listener is gone; leaves everything else alone. */
static int remove_stale(const struct sockaddr_un *address, socklen_t size)
{
	struct stat file;
	int fd, error;

	if (lstat(address->sun_path, &file) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(file.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (fd < 0)
		return -errno;
	error = connect(fd, (const struct sockaddr *)address, size) ? errno : 0;
	close(fd);
	if (error != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) ? -errno : 0;
}

static int listen_at(int family, const void *address, socklen_t size)
{
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
	if (!bind(fd, address, size) && !listen(fd, BACKLOG))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

int listener_unix(const char *path, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + length;
	int fd, error;

	if (length == 0)
		return -ENOENT;
	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	if (*path == '@') {
		*address.sun_path = '\0';
		return listen_at(AF_UNIX, &address, size);
	}
	error = remove_stale(&address, size + 1);
	if (error < 0)
		return error;
	fd = listen_at(AF_UNIX, &address, size + 1);
	if (fd >= 0 && mode != (mode_t)-1 && chmod(path, mode)) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

/* Cuts "HOST:PORT" in two. An IPv6 address has to stand in brackets. */
static int split(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');
	char *end;

	if (!colon || !colon[1])
		return -EINVAL;
	*colon = '\0';
	*port = colon + 1;
	*host = *text ? text : NULL;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || end[1])
			return -EINVAL;
		*end = '\0';
		*host = text + 1;
	} else if (strchr(text, ':')) {
		return -EINVAL;
	}
	return 0;
}

static int resolve(const char *text, struct addrinfo **list)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	char *copy = strdup(text);
	char *host, *port;
	int result;

	if (!copy)
		return -ENOMEM;
	result = split(copy, &host, &port);
	if (!result && getaddrinfo(host, port, &hints, list))
		result = -ENOENT;
	free(copy);
	return result;
}

int listener_tcp(const char *text, int fds[LISTENER_SOCKETS_MAX])
{
	struct addrinfo *list, *one;
	int n = 0, fd;
	int result = resolve(text, &list);

	if (result < 0)
		return result;
	for (one = list; one && n < LISTENER_SOCKETS_MAX; one = one->ai_next) {
		fd = listen_at(one->ai_family, one->ai_addr, one->ai_addrlen);
		if (fd < 0)
			result = fd;
		else
			fds[n++] = fd;
	}
	freeaddrinfo(list);
	return n ? n : result;
}
