/* SPDX-License-Identifier: Apache-2.0
 *
 * One DNS message as it was observed at a socket: what the server's threads
 * write into the queue and the tap's thread reads out of it.
 */
#pragma once

#include <stdint.h>

/* The longest DNS message: RFC 1035 4.2.2, a 16-bit length. */
#define EVENT_PAYLOAD_MAX 65535

/* RFC 1035 4.1.1: what is shorter than a header is no DNS message. */
#define EVENT_PAYLOAD_MIN 12

enum event_flag {
	EVENT_SENT = 1 << 0,   /* by the server; otherwise received by it */
	EVENT_TCP = 1 << 1,    /* otherwise UDP */
	EVENT_INET6 = 1 << 2,  /* both addresses have 16 octets, otherwise 4 */
	EVENT_LOCAL = 1 << 3,  /* the local address was observed */
	EVENT_REMOTE = 1 << 4, /* the remote address was observed */
	EVENT_SERVES = 1 << 5, /* the local port is one of the DNS ports */
};

struct event {
	uint64_t time_ns; /* CLOCK_REALTIME, nanoseconds since the epoch */
	uint8_t local[16];
	uint8_t remote[16];   /* network order; INET in the first 4 octets */
	uint16_t local_port;  /* host order; 0: not observed */
	uint16_t remote_port; /* likewise */
	uint16_t size;        /* octets of payload */
	uint8_t flags;        /* enum event_flag */
	uint8_t lane;         /* the queue's own */
	uint8_t payload[];    /* the message, without TCP's length prefix */
};
