/* SPDX-License-Identifier: Apache-2.0
 *
 * The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): the
 * header by which a proxy tells whose connection, or datagram, it passes on; and
 * which proxies are believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/filter/networks.h"

/* The longest line of version 1, and more than the addresses of version 2 need
 * (16 octets and 36): no more of a header is ever looked at. */
#define PROXY_SEEN_MAX 107

/* The longest header that proxy_write makes. */
#define PROXY_WRITTEN_MAX 52

/* proxy_read: it goes on; this is no header. */
#define PROXY_MORE 0
#define PROXY_NONE (-1)

/* What a header says. */
struct proxy {
	bool known; /* false: it names nobody, the addresses are the real ones */
	bool inet6;
	bool datagram;
	uint8_t source[16]; /* network order; INET in the first 4 octets */
	uint8_t destination[16];
	uint16_t source_port; /* host order */
	uint16_t destination_port;
};

/*
 * Reads a well-formed header at the beginning of `size` octets. Returns its
 * length and assigns *proxy, or PROXY_MORE or PROXY_NONE. A header of version 2
 * goes on behind its addresses, with values that are passed over: its length may
 * be larger than `size`.
 */
long proxy_read(const uint8_t *octets, size_t size, struct proxy *proxy);

/* Writes a header of version 2 that says the same and no more. Returns its
 * length. */
size_t proxy_write(const struct proxy *proxy,
		   uint8_t octets[PROXY_WRITTEN_MAX]);

/* Whose headers are believed. All zero: nobody's. */
struct proxies {
	bool any;
	struct networks networks; /* where it is not anybody's */
};

extern const struct proxies proxies_anybody;

/* Is a header believed that came from there? Of somebody whose address is not
 * known, only if anybody's is. Async-signal-safe. */
static inline bool proxies_have(const struct proxies *proxies,
				const struct address *from)
{
	return proxies->any ||
	       (from->known && networks_have(&proxies->networks, from));
}

/* Do both say the same, in the same order? */
bool proxies_same(const struct proxies *a, const struct proxies *b);

void proxies_release(struct proxies *proxies);
