/* SPDX-License-Identifier: Apache-2.0
 *
 * A TCP connection, also as the lower half of TLS.
 */
#pragma once

#include "shim/tap/transport/resolver.h"
#include "shim/tap/transport/transport.h"

struct tcp {
	struct transport transport;
	struct resolver *resolver; /* NULL: the address is in figures */
	struct resolver_answer to;
	size_t tried; /* of these addresses */
	size_t first; /* the one to begin with: the last that answered */
};

/* As in struct transport_ops. */
int tcp_begin(struct transport *transport);
void tcp_end(struct transport *transport);
int tcp_open(struct transport *transport);
int tcp_establish(struct transport *transport);

/* Not an address in figures, nor "": to be looked up. */
bool tcp_is_name(const char *host);

/* For a connection: the options, and what is said of it. */
void tcp_set_options(int fd, const struct tap_config *config);
void tcp_describe(struct transport *transport, const char *what);
