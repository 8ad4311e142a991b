/* SPDX-License-Identifier: Apache-2.0
 *
 * The `extra` template: parsed once, rendered for every message on the tap's
 * thread, with the results of CoreDNS's replacer for every label.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/event.h"

struct extra;

/* What a rendering may draw on. */
struct extra_facts {
	const struct event *event;
	bool response;
	bool asked;                /* the local side is the one that asked */
	const char *message_type;  /* "CLIENT_QUERY", for {/shim/type} */
	const struct event *query; /* of a response, if it was matched, or NULL;
				    * only its header fields, no payload */
	uint16_t query_size;       /* octets of that query */
	uint64_t query_time_ns;    /* 0: not known */
	const char *upstream; /* ADDRESS:PORT for {/forward/upstream}; NULL */
};

/* Returns NULL when out of memory; any text is a valid template.
 * pid and program are those of {/shim/pid} and {/shim/program}. */
struct extra *extra_parse(const char *text, long pid, const char *program);
void extra_free(struct extra *extra);

/* True if a label needs what matching queries to responses gives. */
bool extra_wants_upstream(const struct extra *extra);

/* Renders into `out`; what does not fit is cut at a whole UTF-8 character.
 * Returns the octets written, without a NUL. */
size_t extra_render(const struct extra *extra, const struct extra_facts *facts,
		    char *out, size_t size);
