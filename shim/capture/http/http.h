/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting what crosses an HTTP connection in the clear into the DNS messages of
 * RFC 8484: bodies that are application/dns-message, and what a GET has in its
 * `dns` parameter. All else passes.
 *
 * Framing is believed and nothing besides, so that a client cannot put the cutter
 * out of step with the server: HTTP/2 (RFC 9113) with its HPACK (RFC 7541), or
 * HTTP/1.1 (RFC 9112). Where servers differ in where a request ends, the connection is
 * given up instead of guessed at. Where they differ in what message they read from a
 * request, it is unclear: it passes, and counts if its response is DNS.
 *
 * Memory is bounded, and grows with what has arrived. Async-signal-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shim/capture/chain.h"
#include "shim/capture/octets.h"

/* Names a connection, in POOL_NAME_BITS bits at most; 0 is none. */
typedef uint32_t http_name;

#define HTTP_CONNECTIONS 4096

enum http_version { HTTP_1, HTTP_2 };

/* Both directions of a connection that begins, or 0 if there is no memory. The
 * client of HTTP/2 begins with its preface. */
http_name http_open(enum http_version version);

/* One of the two directions lets go. When the second one does, memory is given
 * back. Does nothing for 0. */
void http_close(http_name name);

enum http_cut {
	HTTP_MORE,    /* no octets left; nothing is whole yet */
	HTTP_MESSAGE, /* found->message stands there */
	HTTP_SHORT, /* what went by was announced as a message and is none: too
			 * short for a header, too long, of another size than was
			 * said, compressed, not base64 */
	HTTP_NO_MEMORY, /* a message went by that could not be kept, or may be going
			 * to: there are too many half through */
	HTTP_UNREAD,   /* a response was DNS whose request was unclear */
	HTTP_GIVEN_UP, /* this direction cannot be followed any further */
};

struct http_found {
	struct octets message;
	/* Which request: the stream, or how manieth of the connection. A response
	 * has its request's. 0: none that will be answered. */
	uint32_t stream;
	struct iovec whole[CHAIN_BLOCKS]; /* where the message may lie */
};

/*
 * Goes on to the end of the next message, which is to be copied before the next
 * call for this direction: `requests`, what the client sends, or responses. To be
 * called until it returns HTTP_MORE or HTTP_GIVEN_UP.
 *
 * Each direction belongs to one thread at a time; the two may go on at one time.
 */
enum http_cut http_next(http_name name, bool requests, struct octets *octets,
			struct http_found *found);
