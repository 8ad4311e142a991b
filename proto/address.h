/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses in the form in which they are logged: 4 or 16 octets in
 * network order, IPv4-mapped IPv6 (RFC 4291 2.5.5.2) folded into IPv4.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	uint8_t octets[16];
	uint16_t port; /* host order; 0: not known */
	bool inet6;    /* 16 octets, otherwise 4 */
	bool known;    /* false: the octets mean nothing, or the wildcard */
};

/* Returns false, and an address that is not known, for other families. A
 * wildcard address keeps its port and family, but is not known. */
bool address_from_sockaddr(struct address *address, const struct sockaddr *from,
			   socklen_t size);

/* From the octets of a struct in_addr (4) or in6_addr (16); keeps the port. */
void address_set(struct address *address, const void *octets, bool inet6);
