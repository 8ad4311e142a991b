/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that a proxy passes on, with a header that tells for whom
 * (proto/proxy.h).
 */
#pragma once

#include <stdbool.h>

#include "proto/address.h"
#include "proto/event.h"
#include "proto/proxy.h"

/*
 * Takes a well-formed header off the payload, where there may be one: on a
 * connection that was begun by one (EVENT_PROXY), in a datagram to a DNS port from
 * one of these proxies, in one that this process has sent. Assigns whom it names, if
 * anybody. Returns false if what is left is no DNS message.
 */
bool proxied_strip(struct event *event, const struct proxies *proxies,
		   struct address *client);

/* Puts the client, if known, in the place of the proxy, which is assigned. One
 * message has addresses of one family: a local address of another is left out. */
void proxied_show(struct event *event, const struct address *client,
		  struct address *proxy);
