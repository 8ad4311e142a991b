/* SPDX-License-Identifier: Apache-2.0
 *
 * The reasons, and which of them decides.
 */
#include "cli/inspect/verdict.h"

#include <stdarg.h>
#include <stdlib.h>

void verdict_add(struct verdict *verdict, enum answer answer,
		 const char *format, ...)
{
	struct reason *reason = calloc(1, sizeof(*reason));
	va_list args;
	int length;

	if (!reason)
		return;
	va_start(args, format);
	length = vasprintf(&reason->text, format, args);
	va_end(args);
	if (length < 0) {
		free(reason);
		return;
	}
	reason->answer = answer;
	if (!verdict->last)
		verdict->last = &verdict->first;
	*verdict->last = reason;
	verdict->last = &reason->next;
}

const struct reason *verdict_reason(const struct verdict *verdict)
{
	const struct reason *gravest = verdict->first;

	for (const struct reason *r = gravest; r; r = r->next)
		if (r->answer > gravest->answer)
			gravest = r;
	return gravest;
}

enum answer verdict_answer(const struct verdict *verdict)
{
	const struct reason *gravest = verdict_reason(verdict);

	return gravest ? gravest->answer : ANSWER_YES;
}

void verdict_free(struct verdict *verdict)
{
	while (verdict->first) {
		struct reason *next = verdict->first->next;

		free(verdict->first->text);
		free(verdict->first);
		verdict->first = next;
	}
	verdict->last = NULL;
}
