/* SPDX-License-Identifier: Apache-2.0
 *
 * Folding what the kernel gives into the logged form.
 */
#include "proto/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

void address_set(struct address *address, const void *octets, bool inet6)
{
	static const uint8_t none[16];
	const uint8_t *from = octets;

	if (inet6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)octets)) {
		from += 12;
		inet6 = false;
	}
	/* In sizes that the compiler knows: every message passes here. */
	memset(address->octets, 0, sizeof(address->octets));
	if (inet6) {
		memcpy(address->octets, from, 16);
		address->known = memcmp(from, none, 16) != 0;
	} else {
		memcpy(address->octets, from, 4);
		address->known = memcmp(from, none, 4) != 0;
	}
	address->inet6 = inet6;
}

bool address_from_sockaddr(struct address *address, const struct sockaddr *from,
			   socklen_t size)
{
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;

	if (size >= sizeof(*in) && in->sin_family == AF_INET) {
		address_set(address, &in->sin_addr, false);
		address->port = ntohs(in->sin_port);
		return true;
	}
	if (size >= offsetof(struct sockaddr_in6, sin6_scope_id) &&
	    in6->sin6_family == AF_INET6) {
		address_set(address, &in6->sin6_addr, true);
		address->port = ntohs(in6->sin6_port);
		return true;
	}
	memset(address, 0, sizeof(*address));
	return false;
}
