/* SPDX-License-Identifier: Apache-2.0
 *
 * From an event to what is logged of it: its type, its query, its extra text,
 * and whether this tap wants it at all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "proto/encode.h"
#include "proto/event.h"
#include "proto/extra.h"
#include "shim/base/clock.h"
#include "shim/tap/annotate/aside.h"

#define ANNOTATE_EXTRA_MAX 1024

enum annotated {
	ANNOTATE_LOG,
	ANNOTATE_SKIP,  /* the tap's configuration leaves it out */
	ANNOTATE_LATER, /* its query may still be on its way: set it aside */
	ANNOTATE_UNSOLICITED, /* a response, but nobody asked */
	ANNOTATE_MALFORMED,   /* no DNS message, but for a proxy's header */
};

struct annotator;

/* Returns NULL when out of memory. */
struct annotator *annotator_new(const struct tap_config *config);

/* Likewise, of another process, which has ended: `constants` are its own, but for
 * the sample. What was not observed is not asked of the kernel, which may answer
 * otherwise by now. */
struct annotator *annotator_new_after(const struct tap_config *config,
				      const struct extra_constants *constants);
void annotator_free(struct annotator *annotator);

/*
 * Fills *record, valid until the next call. `clocks`: as of now. `room`: for it
 * to be set aside, if a query may be in flight that was sent before. To be called
 * once for every event, in their order, and again, without room, for what was set
 * aside. In place, a proxy's header is taken off the payload, the client is put
 * in the proxy's place, and addresses are masked where the tap anonymizes.
 */
enum annotated annotate(struct annotator *annotator, struct event *event,
			const struct clock_pair *clocks, enum aside_room room,
			struct record *record);

/* Until it is said otherwise: the events were found worth logging before, when more
 * was known. They are logged. */
void annotator_trust(struct annotator *annotator, bool trusted);

/* Of the message that was annotated last: the same for a query and all of its
 * responses. */
uint64_t annotator_transaction(const struct annotator *annotator);
