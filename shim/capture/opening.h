/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes before the first message of a direction, if it comes: the header of a
 * proxy, then the hello by which TLS is known. What it is, is decided by octets
 * that no well-formed message begins with; until then they are kept.
 */
#pragma once

#include "shim/capture/stream.h"

/* What a step returns that has found nothing: the next state's is to be taken. */
#define STREAM_ON (STREAM_GIVEN_UP + 1)

/* The steps of STREAM_BEGINS, _PROXY, _HELLO, _RECORDS, _RECORD and _HELD. */
int opening_begins(struct stream *stream, struct octets *octets,
		   struct stream_found *found);
int opening_proxy(struct stream *stream, struct octets *octets,
		  struct stream_found *found);
int opening_hello(struct stream *stream, struct octets *octets,
		  struct stream_found *found);
int opening_records(struct stream *stream, struct octets *octets,
		    struct stream_found *found);
int opening_record(struct stream *stream, struct octets *octets,
		   struct stream_found *found);
int opening_held(struct stream *stream, struct octets *octets,
		 struct stream_found *found);

/* `left` octets go by. Returns whether all have. */
bool opening_pass(struct stream *stream, struct octets *octets);
