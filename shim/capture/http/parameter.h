/* SPDX-License-Identifier: Apache-2.0
 *
 * The DNS message in the target of a GET: RFC 8484 4.1, the first `dns` parameter
 * of its query, base64url (RFC 4648) without padding. Servers differ in whether
 * they take padding, the other alphabet, or characters that are percent-encoded;
 * there is only one message that each can mean, and here all are taken.
 */
#pragma once

#include "shim/capture/http/body.h"
#include "shim/capture/http/text.h"

enum parameter_state {
	PARAMETER_PATH,
	PARAMETER_NAME,  /* `matched` of its characters are as they should be */
	PARAMETER_OTHER, /* of another one, up to its end */
	PARAMETER_VALUE, /* the value comes */
	PARAMETER_PERCENT, /* in it, two digits of a character come */
	PARAMETER_DIGIT,   /* the second one */
	PARAMETER_DONE,
};

/* All zero: a target that begins. */
struct parameter {
	uint8_t state; /* enum parameter_state */
	uint8_t matched;
	uint8_t digit;   /* the first one behind a percent sign */
	uint8_t padding; /* characters */
	uint8_t bits;    /* of `pending` that are not an octet yet */
	uint8_t size;    /* octets in `decoded` */
	uint16_t pending;
	uint8_t decoded[48]; /* that are to be added */
	struct body body;
};

/* The target's next characters. */
void parameter_take(struct parameter *parameter, struct text text);

/* The target is whole. Returns false if it has no message; else `*body` is it. The
 * parameter is as at its beginning. */
bool parameter_end(struct parameter *parameter, struct body *body);

/* Gives back what is kept. */
void parameter_drop(struct parameter *parameter);
