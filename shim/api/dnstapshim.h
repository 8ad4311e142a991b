/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim.h: for programs that know more than their sockets show. dnstapshim(3)
 * is the manual.
 *
 * There is nothing to link. A program or module that includes this runs with the
 * library preloaded and without it; without it every function returns -ENOSYS.
 *
 * Every function may be called by any thread, in a signal handler and in a forked
 * child. None allocates, locks or waits, and errno stays as it was.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A directive `dnstap` of the configuration in force. */
struct dnstapshim_tap {
	const char *socket; /* as configured; stays valid */
	int32_t id;         /* for dnstapshim_tap_message; stays the same */
	uint32_t full;      /* 1: with the DNS messages; 0: without them */
	uint64_t reserved[2];
};

/* In the place of a tap's id. */
#define DNSTAPSHIM_ALL (-1)

/* Fields of dnstap.proto have the numbers that they have there. */
enum dnstapshim_type {
	DNSTAPSHIM_AUTH_QUERY = 1,
	DNSTAPSHIM_AUTH_RESPONSE,
	DNSTAPSHIM_RESOLVER_QUERY,
	DNSTAPSHIM_RESOLVER_RESPONSE,
	DNSTAPSHIM_CLIENT_QUERY,
	DNSTAPSHIM_CLIENT_RESPONSE,
	DNSTAPSHIM_FORWARDER_QUERY,
	DNSTAPSHIM_FORWARDER_RESPONSE,
	DNSTAPSHIM_STUB_QUERY,
	DNSTAPSHIM_STUB_RESPONSE,
	DNSTAPSHIM_TOOL_QUERY,
	DNSTAPSHIM_TOOL_RESPONSE,
	DNSTAPSHIM_UPDATE_QUERY,
	DNSTAPSHIM_UPDATE_RESPONSE
};

enum dnstapshim_family { DNSTAPSHIM_INET = 1, DNSTAPSHIM_INET6 };

enum dnstapshim_protocol {
	DNSTAPSHIM_UDP = 1,
	DNSTAPSHIM_TCP,
	DNSTAPSHIM_DOT,
	DNSTAPSHIM_DOH,
	DNSTAPSHIM_DNSCRYPT_UDP,
	DNSTAPSHIM_DNSCRYPT_TCP,
	DNSTAPSHIM_DOQ
};

enum dnstapshim_http {
	DNSTAPSHIM_HTTP1 = 1,
	DNSTAPSHIM_HTTP2,
	DNSTAPSHIM_HTTP3
};

enum dnstapshim_match {
	DNSTAPSHIM_QNAME = 1,
	DNSTAPSHIM_CLIENT_IP,
	DNSTAPSHIM_RESPONSE_IP,
	DNSTAPSHIM_NS_NAME,
	DNSTAPSHIM_NS_IP
};

enum dnstapshim_action {
	DNSTAPSHIM_NXDOMAIN = 1,
	DNSTAPSHIM_NODATA,
	DNSTAPSHIM_PASS,
	DNSTAPSHIM_DROP,
	DNSTAPSHIM_TRUNCATE,
	DNSTAPSHIM_LOCAL_DATA
};

/* Of all that follows, what is 0 or NULL is not known, and not logged. All of it is
 * the caller's again when the function returns. */
struct dnstapshim_policy {
	size_t size;      /* sizeof(struct dnstapshim_policy) */
	const char *type; /* UTF-8: "RPZ" */
	uint32_t match;   /* enum dnstapshim_match */
	uint32_t action;  /* enum dnstapshim_action */
	const void *rule, *value;
	size_t rule_size, value_size;
};

/* One DNS message. */
struct dnstapshim_message {
	size_t size;       /* sizeof(struct dnstapshim_message) */
	uint32_t type;     /* enum dnstapshim_type */
	uint32_t family;   /* enum dnstapshim_family: of both addresses */
	uint32_t protocol; /* enum dnstapshim_protocol */
	uint32_t http;     /* enum dnstapshim_http */

	/* 4 octets, or 16, in network order; ports in host order. */
	const void *query_address, *response_address;
	uint16_t query_port, response_port;

	/* CLOCK_REALTIME. */
	const struct timespec *query_time, *response_time;

	/* As on the wire, without TCP's length. A query has the first of them; a
	 * response has the second, and may have both. */
	const void *query, *response;
	size_t query_size, response_size;

	/* That a resolver's query is about: a name in wire format. */
	const void *zone;
	size_t zone_size;

	const struct dnstapshim_policy *policy;
};

/* What fills {/PLUGIN/LABEL} of a tap's `extra`: the key is "PLUGIN/LABEL". */
struct dnstapshim_pair {
	const char *key, *value;
};

/* Of all pairs of a message, in octets, with a NUL behind each key and value. */
#define DNSTAPSHIM_METADATA_MAX 1024
/* Likewise, of what dnstapshim_note has kept. */
#define DNSTAPSHIM_NOTES_MAX 256

#ifdef DNSTAPSHIM_LIBRARY
#define DNSTAPSHIM_WEAK
#else
#define DNSTAPSHIM_WEAK __attribute__((weak))
#if defined(__has_attribute)
#if __has_attribute(noplt)
/* In a program at a fixed address they would never be found otherwise. */
#undef DNSTAPSHIM_WEAK
#define DNSTAPSHIM_WEAK __attribute__((weak, noplt))
#endif
#endif
#endif

/* Assigns the first `n` of the taps in force. Returns how many there are. */
int dnstapshim_taps(struct dnstapshim_tap *taps, size_t n) DNSTAPSHIM_WEAK;

/*
 * Copies the message into the queue of a tap, or of DNSTAPSHIM_ALL. Returns 0: it is
 * logged as any other, or counted under the cause for which it is not; or
 *	-EINVAL    no dnstap message looks like that, or a key is none
 *	-EMSGSIZE  what it points to is too long together (65,000 octets always
 *	           fit), or the pairs are
 *	-ENOENT    there is no such tap, or none at all
 *	-EAGAIN    an operator has switched capture off, or this is a child of
 *	           vfork(2)
 */
int dnstapshim_tap_message(int tap, const struct dnstapshim_message *message)
	DNSTAPSHIM_WEAK;
int dnstapshim_tap_message_with_metadata(
	int tap, const struct dnstapshim_message *message,
	const struct dnstapshim_pair *pairs, size_t n) DNSTAPSHIM_WEAK;

/*
 * Goes with the next DNS message that this thread sends on `fd`, or -1: on any;
 * not with what it receives. It is for that one message, logged or not. To note
 * something for another fd, or with a key of NULL, drops what was noted before.
 * Returns 0 or
 *	-EINVAL  the key is none, or there is no value
 *	-ENOSPC  with what has been noted before it is too long
 *	-ENOENT  there is no tap
 *	-EAGAIN  as above
 *	-EBUSY   in a signal handler that has interrupted this library
 *
 * A key has a slash in it, neither first nor last, no braces, and does not begin
 * with "shim/".
 */
int dnstapshim_note(int fd, const char *key, const char *value) DNSTAPSHIM_WEAK;

#ifndef DNSTAPSHIM_LIBRARY
/* What the names stand for in a program: they need not be there. */
static inline int dnstapshim_try_taps(struct dnstapshim_tap *taps, size_t n)
{
	return dnstapshim_taps ? dnstapshim_taps(taps, n) : -ENOSYS;
}

static inline int dnstapshim_try_tap_message(
	int tap, const struct dnstapshim_message *message)
{
	return dnstapshim_tap_message ? dnstapshim_tap_message(tap, message)
				      : -ENOSYS;
}

static inline int dnstapshim_try_tap_message_with_metadata(
	int tap, const struct dnstapshim_message *message,
	const struct dnstapshim_pair *pairs, size_t n)
{
	return dnstapshim_tap_message_with_metadata
		       ? dnstapshim_tap_message_with_metadata(tap, message,
							      pairs, n)
		       : -ENOSYS;
}

static inline int dnstapshim_try_note(int fd, const char *key,
				      const char *value)
{
	return dnstapshim_note ? dnstapshim_note(fd, key, value) : -ENOSYS;
}

#define dnstapshim_taps        dnstapshim_try_taps
#define dnstapshim_tap_message dnstapshim_try_tap_message
#define dnstapshim_tap_message_with_metadata \
	dnstapshim_try_tap_message_with_metadata
#define dnstapshim_note dnstapshim_try_note
#endif

#ifdef __cplusplus
}
#endif
