/* SPDX-License-Identifier: Apache-2.0
 *
 * The half of TLS that is the same for whoever began the connection.
 */
#pragma once

#include <openssl/ssl.h>

#include "shim/tap/transport/tcp.h"

struct tls {
	struct tcp tcp;
	SSL_CTX *context; /* made at the first connection */
	SSL *ssl;
};

/* Goes on with the handshake. 0: established; else -EAGAIN or -errno. */
int tls_shake_hands(struct tls *tls);

/* As in struct transport_ops. */
ssize_t tls_read(struct transport *transport, void *data, size_t size);
ssize_t tls_write(struct transport *transport, const void *data, size_t size);
void tls_close(struct transport *transport);
