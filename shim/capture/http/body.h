/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS message that comes in pieces: a body, or what a parameter has decoded.
 */
#pragma once

#include "shim/capture/http/http.h"

/* What a step of a cutter returns that has found nothing: it is to go on. */
#define HTTP_ON (HTTP_GIVEN_UP + 1)

/* All zero: nothing has come. */
struct body {
	pool_block chain;
	/* What it will be: HTTP_MORE as long as nothing is wrong with it. */
	enum http_cut fault;
};

size_t body_size(const struct body *body);

/* The next `size` (<= left) octets, which are passed in any case. */
void body_add(struct body *body, struct octets *octets, size_t size);

/* There is something wrong with it: nothing is kept any more. */
void body_spoil(struct body *body, enum http_cut fault);

/* It is whole. Returns what it is; if that is a message, it is found, and lies in
 * the chain that `*kept` then has. The body is as at its beginning. */
enum http_cut body_end(struct body *body, pool_block *kept,
		       struct http_found *found);
