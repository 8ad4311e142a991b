/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fields of a header tell of the body behind it.
 */
#pragma once

#include <stdint.h>

#include "shim/capture/http/text.h"

enum fields_method {
	METHOD_NONE, /* not a request's */
	METHOD_GET,
	METHOD_POST,
	METHOD_HEAD,
	METHOD_CONNECT,
	METHOD_OTHER,
};

/* All zero: none so far. */
struct fields {
	enum fields_method method;
	bool repeated;    /* there were several :method */
	uint16_t status;  /* 0: not a response's */
	bool dns;         /* Content-Type: application/dns-message */
	bool coded;       /* there is a Content-Encoding */
	bool measured;    /* there is a Content-Length, */
	uint64_t length;  /* which is that */
	bool faulty;      /* it is no number, or several that differ */
	uint8_t transfer; /* Transfer-Encodings so far */
	bool chunked;     /* the last one is chunked and nothing else */
};

/* `name` in lower case: of a field, or of a pseudo-field of HTTP/2. */
void fields_take(struct fields *fields, struct text name, struct text value);

enum fields_method fields_method(struct text name);
/* Of three digits, 0 if it is not. */
uint16_t fields_status(struct text digits);
