/* SPDX-License-Identifier: Apache-2.0
 *
 * Events with real DNS messages in them, for the tests of what reads them.
 */
#pragma once

#include <string.h>

#include "proto/event.h"
#include "shim/base/clock.h"

/* Header flags, RFC 1035 4.1.1. */
#define QR        0x8000
#define RD        0x0100
#define OP_UPDATE (5 << 11)

struct message {
	struct event event;
	uint8_t payload[128];
};

/* A question of one label, 53 at the end that answers. The server is
 * 192.0.2.53; the other side 198.51.100.N. */
static inline struct message message(uint8_t event_flags, uint16_t id,
				     uint16_t flags, const char *label,
				     uint16_t type)
{
	struct message m = { .event = { .flags = event_flags | EVENT_LOCAL |
						 EVENT_REMOTE } };
	static const uint8_t local[] = { 192, 0, 2, 53 };
	static const uint8_t remote[] = { 198, 51, 100, 7 };
	size_t length = strlen(label), at = 12;
	uint8_t *p = m.event.payload;

	memcpy(m.event.local, local, 4);
	memcpy(m.event.remote, remote, 4);
	m.event.local_port = event_flags & EVENT_SERVES ? 53 : 40000;
	m.event.remote_port = event_flags & EVENT_SERVES ? 5000 : 53;
	p[0] = id >> 8, p[1] = id, p[2] = flags >> 8, p[3] = flags, p[5] = 1;
	p[at++] = length;
	memcpy(p + at, label, length);
	at += length + 1;
	p[at++] = type >> 8, p[at++] = type, p[at++] = 0, p[at++] = 1;
	m.event.size = at;
	m.event.stamp_ns = NS_PER_S;
	return m;
}
