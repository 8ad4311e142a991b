/* SPDX-License-Identifier: Apache-2.0
 *
 * Collectors on TCP.
 */
#include "shim/tap/transport.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Failing to set one is not worth a connection: it would only be slower. */
static void set_options(int fd, const struct tap_config *config)
{
	int on = 1, size = (int)(config->write_buffer << 20);

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int tcp_open(struct transport *transport)
{
	const struct tap_config *config = transport->config;
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *to;

	if (getaddrinfo(config->address, config->port, &hints, &to))
		return -EADDRNOTAVAIL;
	int fd = socket(to->ai_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = fd < 0 ? errno : 0;
	if (!error) {
		set_options(fd, config);
		if (connect(fd, to->ai_addr, to->ai_addrlen))
			error = errno;
	}
	freeaddrinfo(to);
	if (error && error != EINPROGRESS) {
		if (fd >= 0)
			close(fd);
		return -error;
	}
	transport->fd = fd;
	transport->events = POLLOUT;
	return error ? -EAGAIN : 0;
}

static int tcp_establish(struct transport *transport)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	return -error;
}

const struct transport_ops transport_tcp = {
	.size = sizeof(struct transport),
	.open = tcp_open,
	.establish = tcp_establish,
	.read = transport_socket_read,
	.write = transport_socket_write,
	.close = transport_socket_close,
};
