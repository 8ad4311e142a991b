/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear text of TLS connections, as the calls of TLS libraries carry it. The
 * connection is known by its socket where the library knows that, and else by the
 * random number with which this side began: the one that the session has stands in
 * the hello that was seen on the connection. Async-signal-safe.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_call;

/* What is spoken within TLS, by the name that both sides have agreed on: RFC 7301. */
enum tls_protocol {
	TLS_NONE,    /* it is no clear text */
	TLS_UNNAMED, /* by no name */
	TLS_DNS,     /* "dot" (RFC 7858), or a name that nobody here knows */
	TLS_HTTP_1,  /* "http/1.1" */
	TLS_HTTP_2,  /* "h2" */
};

/* Of a name of `size` octets. */
enum tls_protocol tls_protocol_of(const uint8_t *name, size_t size);

struct tls_session {
	const void *handle;
	/* Random numbers, each of HELLO_RANDOM octets; NULL: not known, or known
	 * not to be of this side. */
	const uint8_t *client, *server;
};

/* Some connection of the process may be DNS within TLS. */
extern _Atomic bool tls_is_used;

/* Returns the fd of the session's connection, or -1: it is none that may carry DNS, or
 * its hello is still to come. Once found it stays so. */
int tls_find(const struct tls_session *session);

/* As capture_enter, but that what follows is the clear text of the session whose
 * connection the fd is. */
bool tls_enter(struct capture_call *call, int fd, bool sent);

/* The handle will be another session's. */
void tls_end(const void *handle);

/* This side's hello was seen on the connection that the call is made on. */
struct hello;
void tls_begin(const struct capture_call *call, uint64_t state,
	       const struct hello *hello);
