/* SPDX-License-Identifier: Apache-2.0
 *
 * The header off, the client in the proxy's place.
 */
#include "shim/tap/annotate/proxied.h"

#include <string.h>

static bool may_begin_with_header(const struct event *event)
{
	uint8_t first = event->payload[0]; /* by which most are told */

	if (first != 'P' && first != '\r')
		return false;
	if (event->flags & EVENT_TCP)
		return event->flags & EVENT_PROXY;
	return event->flags & (EVENT_SERVES | EVENT_SENT);
}

/* What this process sends it says itself; and who has introduced a connection was
 * believed when that began. */
static bool is_believed(const struct event *event,
			const struct proxies *proxies)
{
	struct address from = { 0 };

	if (event->flags & (EVENT_SENT | EVENT_PROXY))
		return true;
	if (event->flags & EVENT_REMOTE)
		address_set(&from, event->remote, event->flags & EVENT_INET6);
	return proxies_have(proxies, &from);
}

/* Seldom called: what it needs on the stack is not to be set up for each message. */
__attribute__((noinline)) static bool strip(struct event *event,
					    const struct proxies *proxies,
					    struct address *client)
{
	struct proxy proxy;

	if (!is_believed(event, proxies))
		return true;
	long size = proxy_read(event->payload, event->size, &proxy);
	if (size <= 0 || size > event->size)
		return true;
	event->flags &= ~EVENT_PROXY;
	event->size -= size;
	memmove(event->payload, event->payload + size, event_octets(event));
	if (proxy.known) {
		address_set(client, proxy.source, proxy.inet6);
		client->port = proxy.source_port;
	}
	return event->size >= EVENT_PAYLOAD_MIN;
}

bool proxied_strip(struct event *event, const struct proxies *proxies,
		   struct address *client)
{
	*client = (struct address){ 0 };
	return !may_begin_with_header(event) || strip(event, proxies, client);
}

void proxied_show(struct event *event, const struct address *client,
		  struct address *proxy)
{
	bool inet6 = event->flags & EVENT_INET6;

	*proxy = (struct address){ 0 };
	if (!client->known)
		return;
	if (event->flags & EVENT_REMOTE) {
		address_set(proxy, event->remote, inet6);
		proxy->port = event->remote_port;
	}
	if (client->inet6 != inet6) {
		event->flags ^= EVENT_INET6;
		event->flags &= ~EVENT_LOCAL;
	}
	memcpy(event->remote, client->octets, sizeof(event->remote));
	event->remote_port = client->port;
	event->flags |= EVENT_REMOTE;
}
