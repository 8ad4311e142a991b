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
	int fd; /* that its octets cross; -1: the library does not know */
	const uint8_t *client, *server; /* each HELLO_RANDOM octets */
	enum tls_protocol protocol;
};

/* Some connection of the process may be DNS within TLS. */
extern _Atomic bool tls_is_used;

/* Finds the session's connection. Returns false if it carries no DNS; else as
 * capture_enter does, but that what follows is the session's clear text. */
bool tls_enter(struct capture_call *call, const struct tls_session *session,
	       bool sent);

/* This side's hello was seen on the connection that the call is made on. */
struct hello;
void tls_begin(const struct capture_call *call, uint64_t state,
	       const struct hello *hello);
