/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines by the window of time that the first of them opens.
 */
#include "shim/tap/endpoint/limit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"

void limit_settle(struct limit *limit, const char *tap, uint64_t now_ns)
{
	if (now_ns < limit->until_ns)
		return;
	if (limit->left_out)
		log_line(tap, "%s; and %" PRIu64 " such lines more in %d s",
			 limit->last, limit->left_out - 1, LIMIT_S);
	limit->said = 0;
	limit->left_out = 0;
}

void limit_log(struct limit *limit, const char *tap, uint64_t now_ns,
	       const char *format, ...)
{
	char text[LIMIT_TEXT_SIZE];
	va_list list;

	limit_settle(limit, tap, now_ns);
	if (!limit->said)
		limit->until_ns = now_ns + LIMIT_S * NS_PER_S;
	bool says = limit->said < LIMIT_LINES;
	va_start(list, format);
	vsnprintf(says ? text : limit->last, LIMIT_TEXT_SIZE, format, list);
	va_end(list);
	if (says)
		log_line(tap, "%s", text);
	limit->said += says;
	limit->left_out += !says;
}

uint64_t limit_due(const struct limit *limit)
{
	return limit->left_out ? limit->until_ns : UINT64_MAX;
}
