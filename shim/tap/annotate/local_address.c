/* SPDX-License-Identifier: Apache-2.0
 *
 * A direct-mapped cache of routes: connecting a datagram socket sends nothing,
 * but chooses the source address (RFC 6724 5) as sending would.
 */
#include "shim/tap/annotate/local_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/address.h"
#include "shim/base/clock.h"
#include "shim/base/sandbox.h"

#define ENTRIES 1024

struct route {
	uint64_t until_ns; /* 0: empty */
	uint8_t remote[16];
	bool inet6;
	struct address local; /* not known: the kernel has no answer */
};

struct local_addresses {
	struct route route[ENTRIES];
};

struct local_addresses *local_addresses_new(void)
{
	return calloc(1, sizeof(struct local_addresses));
}

void local_addresses_free(struct local_addresses *addresses)
{
	free(addresses);
}

static socklen_t destination(const struct event *event,
			     struct sockaddr_storage *to)
{
	struct sockaddr_in *in = (struct sockaddr_in *)to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (event->flags & EVENT_INET6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(event->remote_port);
		memcpy(&in6->sin6_addr, event->remote, 16);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(event->remote_port);
	memcpy(&in->sin_addr, event->remote, 4);
	return sizeof(*in);
}

static const struct sandbox_call asking[] = {
	{ SYS_socket, { AF_INET, SOCK_DGRAM | SOCK_CLOEXEC } },
	{ SYS_socket, { AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC } },
	{ .number = SYS_connect },
	{ .number = SYS_getsockname },
	{ .number = -1 },
};

static void ask(const struct event *event, struct address *local)
{
	struct sockaddr_storage name;
	socklen_t size = destination(event, &name);
	int fd;

	local->known = false;
	if (!sandbox_spares(asking))
		return;
	fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (!connect(fd, (struct sockaddr *)&name, size)) {
		size = sizeof(name);
		if (!getsockname(fd, (struct sockaddr *)&name, &size))
			address_from_sockaddr(local, (struct sockaddr *)&name,
					      size);
	}
	close(fd);
}

static struct route *route_to(struct local_addresses *addresses,
			      const struct event *event)
{
	uint64_t half[2];

	memcpy(half, event->remote, 16);
	uint64_t hash = (half[0] ^ half[1]) * 0x9e3779b97f4a7c15;
	return &addresses->route[(hash >> 32) % ENTRIES];
}

void local_addresses_complete(struct local_addresses *addresses,
			      struct event *event, uint64_t now_ns)
{
	struct route *route = route_to(addresses, event);
	bool inet6 = event->flags & EVENT_INET6;

	if (now_ns >= route->until_ns || route->inet6 != inet6 ||
	    memcmp(route->remote, event->remote, 16)) {
		route->until_ns = now_ns + SOURCE_AGE_S * NS_PER_S;
		route->inet6 = inet6;
		memcpy(route->remote, event->remote, 16);
		ask(event, &route->local);
	}
	if (!route->local.known || route->local.inet6 != inet6)
		return;
	memcpy(event->local, route->local.octets, 16);
	event->flags |= EVENT_LOCAL;
}
