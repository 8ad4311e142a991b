/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of HTTP/1.1 (RFC 9112): requests or responses one after the other,
 * in whatever pieces they come.
 */
#pragma once

#include <stdatomic.h>

#include "shim/capture/http/fields.h"
#include "shim/capture/http/line.h"
#include "shim/capture/http/noted.h"
#include "shim/capture/http/parameter.h"

enum http1_state {
	HTTP1_START,  /* the line that a message begins with */
	HTTP1_FIELDS, /* its header */
	HTTP1_BODY,   /* `left` octets of its body */
	HTTP1_SIZE,   /* the line before a chunk */
	HTTP1_CHUNK,  /* `left` octets of one */
	HTTP1_CHUNK_END,
	HTTP1_TRAILER,
	HTTP1_LOST,
};

/* Requests that can wait for their responses while one of them is a HEAD. */
#define HTTP1_PIPELINED 64

/* What the two directions tell each other. All zero: nothing. */
struct http1_asked {
	_Atomic uint64_t heads; /* a bit for each request: it is a HEAD */
	_Atomic uint32_t answered;
	_Atomic bool lost; /* nothing can be followed behind this */
};

struct http1 {
	enum http1_state state;
	bool requests;
	struct http1_asked *asked;
	struct noted *noted;
	uint32_t number; /* of the message, or the last one; from 1 */

	struct line line;
	uint8_t spaces; /* in the line that a request begins with */
	uint8_t method; /* characters of it that are the method's */
	bool old;       /* HTTP/1.0 */
	struct fields fields;
	struct parameter parameter;

	uint64_t left;
	bool announced; /* it is DNS */
	bool unread;    /* the request was unclear, and this is its response */
	struct body body;
	pool_block kept; /* the message found last */
};

void http1_begin(struct http1 *http1, bool requests, struct http1_asked *asked,
		 struct noted *noted);

/* As http_next(). */
enum http_cut http1_next(struct http1 *http1, struct octets *octets,
			 struct http_found *found);

/* Not for callers: the first line of a message. LINE_BAD too if what comes behind it
 * cannot be known. */
enum line_result http1_read_start(struct http1 *http1, struct octets *octets);

/* Gives back all that is kept; nothing is cut any more. */
void http1_end(struct http1 *http1);
