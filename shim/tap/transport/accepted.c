/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that collectors have made to us.
 */
#include "shim/tap/transport/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/tap/transport/tls.h"

static int plain_open(struct transport *transport)
{
	if (transport->fd < 0)
		return -ENOTCONN;
	if (transport->config->kind != ENDPOINT_UNIX) {
		tcp_set_options(transport->fd, transport->config);
		tcp_describe(transport, "connected");
	}
	return 0;
}

static int plain_establish(struct transport *transport)
{
	(void)transport;
	return 0;
}

static int secure_open(struct transport *transport)
{
	struct tls *tls = (struct tls *)transport;

	if (transport->fd < 0)
		return -ENOTCONN;
	tcp_set_options(transport->fd, transport->config);
	tls->ssl = SSL_new(tls->context);
	if (!tls->ssl || SSL_set_fd(tls->ssl, transport->fd) != 1)
		return -ENOMEM;
	SSL_set_accept_state(tls->ssl);
	transport->events = POLLIN;
	return -EAGAIN;
}

static int secure_establish(struct transport *transport)
{
	return tls_shake_hands((struct tls *)transport);
}

static const struct transport_ops plain = {
	.size = sizeof(struct tcp),
	.open = plain_open,
	.establish = plain_establish,
	.read = transport_socket_read,
	.write = transport_socket_write,
	.close = transport_socket_close,
};

/* Without an end: the context is not its own. */
static const struct transport_ops secure = {
	.size = sizeof(struct tls),
	.open = secure_open,
	.establish = secure_establish,
	.read = tls_read,
	.write = tls_write,
	.close = tls_close,
};

struct transport *transport_accepted(const struct tap_config *config, int fd,
				     void *context)
{
	const struct transport_ops *ops = context ? &secure : &plain;
	struct transport *transport = calloc(1, ops->size);

	if (!transport)
		return NULL;
	transport->ops = ops;
	transport->config = config;
	transport->fd = fd;
	transport->events = POLLOUT;
	transport->room = UINT64_MAX;
	if (context)
		((struct tls *)transport)->context = context;
	return transport;
}
