/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing what has changed.
 */
#include "shim/tap/report.h"

#include <string.h>

void report_settle(struct report_slot *slot, struct report *last,
		   const struct report *now)
{
	bool same = !strcmp(last->about, now->about);

	if (same && last->records == now->records && *last->about)
		return;
	uint64_t since = same ? last->since_ns : now->since_ns;

	*last = *now;
	last->since_ns = since;
	published_write(&slot->published, slot->words, last, sizeof(*last));
}

void report_read(struct report_slot *slot, struct report *report)
{
	published_read(&slot->published, slot->words, report, sizeof(*report));
}
