/* SPDX-License-Identifier: Apache-2.0
 *
 * From addresses in the form of the fd table to those of an event.
 */
#include "shim/capture/observed.h"

#include <string.h>

/* The octets of an address that has just been written are read in the same
 * pieces: a larger one would have to wait for them. */
static void put_octets(uint8_t to[16], const struct address *address)
{
	memset(to, 0, 16);
	if (address->inet6)
		memcpy(to, address->octets, 16);
	else
		memcpy(to, address->octets, 4);
}

void observed(struct event *event, const struct capture_call *call, bool serves,
	      const struct address *local, const struct address *remote)
{
	bool inet6 = remote->known ? remote->inet6 : local->inet6;

	event->stamp_ns = call->stamp_ns;
	put_octets(event->local, local);
	put_octets(event->remote, remote);
	event->local_port = local->port;
	event->remote_port = remote->port;
	/* One message has addresses of one family. */
	event->flags =
		(call->sent ? EVENT_SENT : 0) | (inet6 ? EVENT_INET6 : 0) |
		(local->known && local->inet6 == inet6 ? EVENT_LOCAL : 0) |
		(remote->known ? EVENT_REMOTE : 0) |
		(serves ? EVENT_SERVES : 0);
}
