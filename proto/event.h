/* SPDX-License-Identifier: Apache-2.0
 *
 * One DNS message as it was observed at a socket: what the server's threads
 * write into the queue and the tap's thread reads out of it.
 */
#pragma once

#include <stdint.h>

/* The longest DNS message: RFC 1035 4.2.2, a 16-bit length. */
#define EVENT_PAYLOAD_MAX 65535

/* A proxy's header may stand before the message. */
#define EVENT_SIZE_MAX (EVENT_PAYLOAD_MAX + 256)

/* With what a program tells of it behind it. */
#define EVENT_OCTETS_MAX (EVENT_SIZE_MAX + 256)

/* RFC 1035 4.1.1: what is shorter than a header is no DNS message. */
#define EVENT_PAYLOAD_MIN 12

enum event_flag {
	EVENT_SENT = 1 << 0,   /* by the server; otherwise received by it */
	EVENT_TCP = 1 << 1,    /* otherwise UDP */
	EVENT_INET6 = 1 << 2,  /* both addresses have 16 octets, otherwise 4 */
	EVENT_LOCAL = 1 << 3,  /* the local address was observed */
	EVENT_REMOTE = 1 << 4, /* the remote address was observed */
	EVENT_SERVES = 1 << 5, /* the local port is one of the DNS ports */
	/* The payload begins with the header by which a proxy introduced this
	 * connection. (One that a datagram brought along has no flag.) */
	EVENT_PROXY = 1 << 6,
	EVENT_TLS = 1 << 7,   /* of TCP: it passed within TLS */
	EVENT_HTTP = 1 << 8,  /* of TLS: and there within HTTP */
	EVENT_GIVEN = 1 << 9, /* by the program itself (proto/given.h) */
	/* Sent, where the local address was not observed, by a way that need not be
	 * that of other sockets' messages. */
	EVENT_ROUTED = 1 << 10,
};

struct event {
	uint64_t stamp_ns; /* CLOCK_MONOTONIC: orders events, is never logged */
	uint8_t local[16];
	uint8_t remote[16];   /* network order; INET in the first 4 octets */
	uint16_t local_port;  /* host order; 0: not observed */
	uint16_t remote_port; /* likewise */
	uint32_t size;        /* octets of payload */
	uint16_t flags;       /* enum event_flag */
	/* Octets behind the payload: what the program has told of the message. Of
	 * EVENT_GIVEN a struct given begins them, of others they are metadata. */
	uint16_t tail;

	/* Not the observer's to write. */
	uint16_t part;  /* the how manieth message of its call, or thread */
	uint16_t slots; /* that it takes in its queue */
	union {
		uint64_t link; /* of a send: to the next message of its call */
		/* The observer's, of EVENT_HTTP: which request of the
		 * connection's it is, or answers. */
		uint64_t exchange;
	};

	uint8_t payload[]; /* the message, without TCP's length prefix */
};

_Static_assert(sizeof(struct event) == 64, "one cache line before the payload");

static inline uint32_t event_octets(const struct event *event)
{
	return event->size + event->tail;
}
