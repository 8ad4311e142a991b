/* SPDX-License-Identifier: Apache-2.0
 *
 * The DNS message in the target of a GET: RFC 8484 4.1, the `dns` parameter of its
 * query, base64url (RFC 4648), with padding or without. Servers differ in which of two
 * they take, where the query begins and ends, what they make of other characters and
 * whether they decode those that are percent-encoded: a target that has any of this is
 * unclear, and no message is read from it.
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
	PARAMETER_LOST,    /* it is unclear */
};

enum parameter_result {
	PARAMETER_NOTHING, /* no server reads a message from it */
	PARAMETER_MESSAGE,
	PARAMETER_UNCLEAR, /* some may, but not the same */
};

/* All zero: a target that begins. */
struct parameter {
	uint8_t state; /* enum parameter_state */
	uint8_t matched;
	bool has;        /* a value has begun */
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

/* There is more than one target. */
void parameter_lose(struct parameter *parameter);

/* The target is whole. If it has a message, `*body` is that. The parameter is as at its
 * beginning. */
enum parameter_result parameter_end(struct parameter *parameter,
				    struct body *body);

/* Gives back what is kept. */
void parameter_drop(struct parameter *parameter);
