/* SPDX-License-Identifier: Apache-2.0
 *
 * A Dnstap message as text, in the three forms of golang-dnstap's tool.
 */
#pragma once

#include <ldns/buffer.h>
#include <stdbool.h>

#include "dnstap.pb-c.h"

/* Appends one message. It has a Message inside: dnstap->message != NULL. */
typedef void format_fn(ldns_buffer *out, const Dnstap__Dnstap *dnstap);

format_fn format_quiet; /* a line */
format_fn format_quiet_colour;
format_fn format_yaml;
format_fn format_json; /* an object on a line */
format_fn format_flat; /* the same without objects in it; not of that tool */
