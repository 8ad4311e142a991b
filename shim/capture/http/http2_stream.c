/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a stream of HTTP/2 begins and ends: which are of DNS, and what becomes of
 * what they have carried.
 */
#include "shim/capture/http/http2.h"

/* A response that has no body is none of DNS: one to a HEAD, say. */
static int finish(struct http2 *http2, uint32_t stream, struct half *half,
		  struct http_found *found)
{
	size_t size = body_size(&half->body);

	found->stream = stream;
	if (!half->body.fault && !size && !http2->requests)
		return HTTP_ON;
	if (!half->body.fault && half->length != STREAM_UNMEASURED &&
	    half->length != size)
		body_spoil(&half->body, HTTP_SHORT);
	return body_end(&half->body, &http2->kept, found);
}

void http2_body_comes(struct http2 *http2)
{
	if (!http2->half || !http2->half->whole)
		return;
	streams_cut(&http2->streams, http2->stream);
	http2->half = NULL;
}

int http2_end_stream(struct http2 *http2, uint32_t stream,
		     struct http_found *found)
{
	struct half *half = streams_find(&http2->streams, stream);

	if (!half)
		return HTTP_ON;
	if (half->whole && streams_is_reset(&http2->streams, half)) {
		streams_cut(&http2->streams, stream);
		return HTTP_ON;
	}
	streams_close(&http2->streams, half);
	return finish(http2, stream, half, found);
}

/* Does every server that reads a message from the request read this one? Of a GET only
 * if no body comes: http2_body_comes(). */
static bool is_clear(struct http2 *http2, struct half *half)
{
	const struct fields *fields = &http2->fields;
	enum parameter_result target =
		parameter_end(&http2->parameter, &half->body);

	if (fields->repeated)
		return false;
	if (fields->method == METHOD_GET)
		return target == PARAMETER_MESSAGE;
	return target == PARAMETER_NOTHING && fields->method == METHOD_POST &&
	       fields->dns;
}

static bool is_response(const struct fields *fields)
{
	return fields->dns && fields->status >= 200;
}

/* What is compressed for a client is no message any more. Servers do not look whether
 * the client has: to them, its octets are the message. */
static void measure(const struct http2 *http2, struct half *half)
{
	const struct fields *fields = &http2->fields;

	if (fields->measured)
		half->length = fields->length < STREAM_UNMEASURED
				       ? fields->length
				       : STREAM_UNMEASURED - 1;
	if (fields->faulty || (fields->coded && !http2->requests))
		body_spoil(&half->body, HTTP_SHORT);
}

/* Is a DNS message to come, or there already, according to the header? */
static bool announces(struct http2 *http2, struct half *half)
{
	*half = (struct half){ .length = STREAM_UNMEASURED };
	if (http2->requests ? !is_clear(http2, half)
			    : !is_response(&http2->fields)) {
		body_spoil(&half->body, HTTP_MORE);
		return false;
	}
	half->whole = http2->requests && http2->fields.method == METHOD_GET;
	if (!half->whole)
		measure(http2, half);
	return true;
}

/* A response's header. A pushed one's has an even stream, and no request. A request that
 * is counted here must not be handed out when it ends after all. */
static void answer(struct http2 *http2, uint32_t stream)
{
	const struct fields *fields = &http2->fields;

	if (fields->status >= 200 && !noted_take(http2->noted, stream))
		http2->unread =
			fields->status == 200 && fields->dns && stream & 1;
	if (http2->unread)
		streams_reset(&http2->other->streams, stream);
}

/* A header that is a request's or a response's, and not the trailer of one. */
static int begin_stream(struct http2 *http2, uint32_t stream,
			struct http_found *found)
{
	struct half half;

	if (!http2->requests)
		answer(http2, stream);
	if (!announces(http2, &half))
		return HTTP_ON;
	if (http2->ends)
		return finish(http2, stream, &half, found);
	bool evicted = streams_evict(&http2->streams);
	found->stream = evicted ? 0 : stream;
	if (streams_open(&http2->streams, stream, &half))
		return evicted ? HTTP_NO_MEMORY : HTTP_ON;
	body_spoil(&half.body, HTTP_MORE);
	return HTTP_NO_MEMORY;
}

int http2_end_block(struct http2 *http2, struct http_found *found)
{
	uint32_t stream = http2->block;
	bool first = stream > http2->last || !http2->requests;

	http2->block = 0;
	if (http2->pushed)
		return HTTP_ON;
	if (http2->requests && first)
		http2->last = stream;
	if (first && !streams_find(&http2->streams, stream))
		return begin_stream(http2, stream, found);
	parameter_drop(&http2->parameter);
	return http2->ends ? http2_end_stream(http2, stream, found) : HTTP_ON;
}
