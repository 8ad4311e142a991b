/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces are appended to a chain.
 */
#include "shim/capture/http/body.h"

#include "proto/event.h"

size_t body_size(const struct body *body)
{
	return body->chain ? chain_size(body->chain) : 0;
}

void body_spoil(struct body *body, enum http_cut fault)
{
	chain_give(body->chain);
	*body = (struct body){ .fault = fault };
}

static void append(struct body *body, struct octets *octets, size_t size)
{
	if (size > EVENT_PAYLOAD_MAX - body_size(body)) {
		body_spoil(body, HTTP_SHORT);
		return;
	}
	if (!body->chain)
		body->chain = chain_new();
	if (!body->chain || !chain_append(body->chain, octets, size))
		body_spoil(body, HTTP_NO_MEMORY);
}

void body_add(struct body *body, struct octets *octets, size_t size)
{
	size_t behind = octets->left - size;

	if (size && !body->fault)
		append(body, octets, size);
	octets_pass(octets, octets->left - behind);
}

enum http_cut body_end(struct body *body, pool_block *kept,
		       struct http_found *found)
{
	enum http_cut cut = body->fault;

	if (!cut && body_size(body) < EVENT_PAYLOAD_MIN)
		cut = HTTP_SHORT;
	if (cut) {
		body_spoil(body, HTTP_MORE);
		return cut;
	}
	*kept = body->chain;
	found->message = chain_octets(body->chain, found->whole);
	*body = (struct body){ 0 };
	return HTTP_MESSAGE;
}
