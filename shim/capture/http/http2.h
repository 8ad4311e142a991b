/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of HTTP/2 (RFC 9113): frames, in whatever pieces they come.
 */
#pragma once

#include "shim/capture/http/fields.h"
#include "shim/capture/http/hpack.h"
#include "shim/capture/http/noted.h"
#include "shim/capture/http/parameter.h"
#include "shim/capture/http/streams.h"

enum http2_state {
	HTTP2_PREFACE, /* the client's first octets */
	HTTP2_FRAME,   /* a frame's header comes */
	HTTP2_PREFIX,  /* what stands before a frame's data or block */
	HTTP2_BLOCK,   /* a piece of a header block */
	HTTP2_DATA,    /* of a body */
	HTTP2_REST,    /* of a frame: what nobody looks at, padding */
	HTTP2_LOST,
};

struct http2 {
	enum http2_state state;
	bool requests;
	struct http2 *other; /* the other direction */
	struct noted *noted;

	/* What is collected: the first octets of the preface, of a frame's header
	 * or prefix. */
	uint8_t have;
	uint8_t prefix; /* octets that it will have */
	uint8_t octet[10];

	/* The frame. */
	uint8_t type, flags;
	uint32_t stream;
	uint32_t left; /* of its payload */
	uint32_t padding;
	struct half *half; /* NULL: its data is no DNS */

	/* The header block, which may go on in further frames. */
	uint32_t block; /* its stream; 0: there is none */
	bool ends;      /* no body comes behind it */
	bool pushed;    /* it is of a request that the server makes up */
	struct fields fields;
	bool path; /* there was one */
	struct parameter parameter;

	bool unread;     /* a request was unclear, and this is its response */
	uint32_t last;   /* the highest stream of a request */
	pool_block kept; /* the message found last */
	struct hpack hpack;
	struct streams streams;
};

/* `memory` is whole pages, for the hpack. `other` may be in use. */
void http2_begin(struct http2 *http2, bool requests, struct http2 *other,
		 struct noted *noted, uint8_t *memory, uint32_t size);

/* As http_next(). */
enum http_cut http2_next(struct http2 *http2, struct octets *octets,
			 struct http_found *found);

/* Not for callers: there are octets of a body. Some servers read that of a GET, and not its
 * target, so that no message is clear any more. */
void http2_body_comes(struct http2 *http2);

/* Not for callers: a header block, or a body, is at its end. Return as a step. */
int http2_end_block(struct http2 *http2, struct http_found *found);
int http2_end_stream(struct http2 *http2, uint32_t stream,
		     struct http_found *found);

/* Gives back all that is kept; nothing is cut any more. */
void http2_end(struct http2 *http2);
