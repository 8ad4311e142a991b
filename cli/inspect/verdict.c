/* SPDX-License-Identifier: Apache-2.0
 *
 * The reasons, which of them decides, and how they are shown.
 */
#include "cli/inspect/verdict.h"

#include <stdarg.h>
#include <stdlib.h>

#include "cli/cli.h"

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

static const struct {
	const char *word, *colour;
} answers[] = {
	[ANSWER_YES] = { "yes", "\033[1;32m" },
	[ANSWER_PARTLY] = { "partly", "\033[1;33m" },
	[ANSWER_NO] = { "no", "\033[1;31m" },
};

void verdict_print(const struct verdict *verdict, const char *subject,
		   const char *yes)
{
	bool colour = cli_colour(stdout);
	enum answer answer = verdict_answer(verdict);
	const struct reason *first =
		answer == ANSWER_YES ? NULL : verdict_reason(verdict);

	printf("%s%s%s: ", colour ? answers[answer].colour : "",
	       answers[answer].word, colour ? "\033[0m" : "");
	cli_put(subject, stdout);
	cli_put_line(": ", first ? first->text : yes);
	for (const struct reason *r = verdict->first; r; r = r->next)
		if (r != first)
			cli_put_line(r->answer == ANSWER_YES ? "  "
							     : "  also: ",
				     r->text);
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
