/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing a transport, and what sockets have in common.
 */
#include "shim/tap/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/base/own.h"

static const struct transport_ops *const by_kind[] = {
	[ENDPOINT_UNIX] = &transport_unix,
	[ENDPOINT_TCP] = &transport_tcp,
	[ENDPOINT_TLS] = &transport_tls,
	[ENDPOINT_FILE] = &transport_file,
};

int transport_prepare(const struct tap_config *config,
		      struct prepared **prepared, char *error)
{
	const struct transport_ops *ops = by_kind[config->kind];

	*prepared = NULL;
	return ops->prepare ? ops->prepare(config, prepared, error) : 0;
}

struct transport *transport_new(const struct tap_config *config,
				const struct prepared *prepared)
{
	const struct transport_ops *ops = by_kind[config->kind];
	struct transport *transport = calloc(1, ops->size);

	if (!transport)
		return NULL;
	transport->ops = ops;
	transport->config = config;
	transport->prepared = prepared;
	transport->fd = -1;
	transport->events = POLLOUT;
	transport->room = UINT64_MAX;
	if (!ops->begin || !ops->begin(transport))
		return transport;
	free(transport);
	return NULL;
}

void transport_free(struct transport *transport)
{
	if (!transport)
		return;
	transport->ops->close(transport);
	if (transport->ops->end)
		transport->ops->end(transport);
	free(transport);
}

ssize_t transport_socket_read(struct transport *transport, void *data,
			      size_t size)
{
	ssize_t result = recv(transport->fd, data, size, MSG_DONTWAIT);

	return result < 0 ? -errno : result;
}

ssize_t transport_socket_write(struct transport *transport, const void *data,
			       size_t size)
{
	ssize_t result =
		send(transport->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	return result < 0 ? -errno : result;
}

void transport_socket_close(struct transport *transport)
{
	if (transport->fd >= 0)
		own_close(transport->fd);
	transport->fd = -1;
}
