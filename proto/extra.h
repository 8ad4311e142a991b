/* SPDX-License-Identifier: Apache-2.0
 *
 * The `extra` template: parsed once, rendered for every message on the tap's
 * thread, with the results of CoreDNS's replacer for every label.
 *
 * Where CoreDNS has the client's request at hand and a socket has not, a value
 * that was not observed is "-": {rcode} {rsize} {>rflags} {duration} on a
 * query; {size} {>do} {>bufsize} on a response that was not matched; {type}
 * {name} {class} without a question. {remote} and {port} are the other end of
 * the message's own socket: of upstream traffic, the upstream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"

struct extra;

/* What is the same for every message: {/shim/pid}, {/shim/program} and
 * {/shim/sample}. A forked child parses anew. */
struct extra_constants {
	long pid;
	const char *program; /* NULL: not known */
	unsigned sample;     /* one in so many is logged */
};

/* Returns NULL when out of memory; any text is a valid template, octets that
 * are no UTF-8 become "?". */
struct extra *extra_parse(const char *text,
			  const struct extra_constants *constants);
void extra_free(struct extra *extra);

/* True if a client's response is to be matched to the upstream asked for it. */
bool extra_wants_upstream(const struct extra *extra);

/* Notes of a query what the labels of its response will want. */
void extra_query_read(const struct event *event, struct record_query *query);

/* Renders into `out`; what does not fit is cut at a whole UTF-8 character.
 * Returns the octets written, without a NUL. */
size_t extra_render(const struct extra *extra, const struct record *record,
		    char *out, size_t size);
