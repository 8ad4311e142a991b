/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the kernel what a socket is.
 */
#pragma once

#include "shim/capture/fdtable.h"

/* Which ports carry DNS. */
struct socket_ports {
	const uint64_t *dns; /* bitmaps */
	const uint64_t *tls; /* within TLS */
	bool https; /* within TLS also that of HTTPS, once the process serves DNS */
};

/*
 * Assigns *info and returns FD_NOT_DNS, FD_DATAGRAM, FD_STREAM or FD_TLS_PORT;
 * FD_FRESH_* while the socket has no port, or no peer, that tells; FD_UNKNOWN where
 * there is no such fd. `known` is the kind the table has, and *info its facts where
 * that is FD_FRESH_*; what is known need not be asked. A datagram socket that is not
 * connected is never foreign: each message has a remote port of its own. Preserves
 * errno.
 */
enum fd_kind socket_info_ask(int fd, enum fd_kind known,
			     const struct socket_ports *ports,
			     struct fd_info *info);

/* Assigns what a datagram socket's options of udp(7) are. Preserves errno. */
void socket_info_options(int fd, struct fd_info *info);

/* Whether octets of a TCP connection have been read or written before: [0] received,
 * [1] sent. Preserves errno. */
void socket_info_begun(int fd, bool begun[2]);

static inline bool socket_info_has_port(const uint64_t *ports, uint16_t port)
{
	return ports[port >> 6] >> (port & 63) & 1;
}

/* Whether the option says by which way a socket sends, and so from which address, if it
 * is bound to none. */
bool socket_info_routes(int level, int name);

/* Whether it is a port of DNS within TLS. */
bool socket_info_is_tls(const struct socket_ports *ports, uint16_t port);
