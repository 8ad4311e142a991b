/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting one direction of a TCP connection into DNS messages: RFC 1035 4.2.2,
 * each behind a length of two octets, whatever pieces the calls carry. Lengths
 * are all that is believed: what a message says of itself does not matter, so that
 * nobody can put the cutter out of step with the server.
 *
 * A message that lies in one call's octets is handed on where it stands; only
 * one that is spread over several is put together in the pool.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/proxy.h"
#include "shim/capture/chain.h"
#include "shim/capture/hello.h"
#include "shim/capture/http/http.h"
#include "shim/capture/octets.h"

/* More messages too short for a header than that in one direction of a connection
 * are no DNS: to look at each costs more than to read it costs the server, and
 * nobody who means well sends even one. */
#define STREAM_SHORT_MAX 500

enum stream_state {
	/* How it opens (opening.c). `half` is what has come. */
	STREAM_BEGINS,  /* a proxy's header may come */
	STREAM_PROXY,   /* `left` octets go by of a proxy's header */
	STREAM_HELLO,   /* a TLS hello may come */
	STREAM_RECORDS, /* it is TLS, and its hello is still to come */
	STREAM_RECORD,  /* `left` octets go by of another record */
	STREAM_HELD,    /* this side has not told yet what it is */

	STREAM_BETWEEN, /* messages */
	STREAM_LENGTH,  /* one octet of a length has come */
	STREAM_SIZED,   /* a length has come, as by a call of its own: `left` */
	STREAM_HALF,    /* a message is being put together in `half` */
	STREAM_PASSING, /* `left` octets go by of a message not to be had */
	STREAM_HTTP, /* what it carries is cut by http.h; `half` is its name */
	STREAM_IGNORED, /* not of interest */
	STREAM_LOST,    /* given up */
};

/* What may come, for opening.c: first these, in this order, STREAM_MAY_PROXY being
 * looked at in STREAM_BEGINS alone; */
#define STREAM_MAY_PROXY 1
#define STREAM_MAY_TLS   2
/* then one of these, as this side says by its first octets where it may be either,
 * or nothing that is looked at; */
#define STREAM_MAY_DNS  4
#define STREAM_MAY_HTTP 8
/* but not before the other side has told. DNS, where HTTP may not come, waits for that
 * only if it could be the text of a request. */
#define STREAM_MAY_WAIT 16

/* All zero: a connection that begins. */
struct stream {
	enum stream_state state;
	bool clear;      /* it is the clear text of a TLS connection */
	uint16_t shorts; /* messages that were too short, so far */
	uint32_t left;
	uint8_t length; /* its first octet */
	bool poor;      /* passing for want of memory, else too short */
	pool_block half;
	uint8_t may; /* STREAM_MAY_*: the caller's, and not packed */
};

/* The same in STREAM_BITS bits; all zero is all zero. Whoever has the bits has
 * the stream: there must be only one. */
#define STREAM_BITS 31
uint32_t stream_pack(const struct stream *stream);
struct stream stream_unpack(uint32_t packed);

enum stream_cut {
	STREAM_MORE,         /* no octets left; the message is not whole yet */
	STREAM_MESSAGE,      /* found->message stands there */
	STREAM_SHORT,        /* a message too short for a header went by */
	STREAM_NO_MEMORY,    /* a message went by that could not be kept */
	STREAM_INTRODUCTION, /* found->proxy was read */
	STREAM_TLS_HELLO,    /* found->hello was read: nothing else is to be */
	/* What comes is found->http, beginning with found->message. The stream's
	 * name of it is the caller's to set. */
	STREAM_OPENS_HTTP,
	STREAM_FOREIGN,  /* nothing of this direction is of interest */
	STREAM_GIVEN_UP, /* this is no DNS */
};

struct stream_found {
	struct octets message;
	struct proxy proxy;
	struct hello hello;
	enum http_version http;           /* if it is this side that has told */
	struct iovec whole[CHAIN_BLOCKS]; /* where the message may lie */
	uint8_t kept[PROXY_SEEN_MAX];     /* likewise */
};

/* Goes on to the end of the next message, which is to be copied before the next
 * call. To be called until it returns one of the others than STREAM_MESSAGE,
 * _SHORT, _NO_MEMORY and _INTRODUCTION. */
enum stream_cut stream_next(struct stream *stream, struct octets *octets,
			    struct stream_found *found);

/* True if these octets are whole messages, one or more. */
bool stream_is_whole(struct octets octets);

/* Gives back what the stream holds: the message that it is in is lost, the next
 * is not. */
void stream_abandon(struct stream *stream);

/* Gives back everything: the connection has ended. */
void stream_end(const struct stream *stream);
