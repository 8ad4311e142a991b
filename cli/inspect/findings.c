/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of findings.
 */
#include "cli/inspect/findings.h"

#include <stdarg.h>
#include <stdlib.h>

void findings_add(struct findings *findings, enum verdict weight,
		  const char *format, ...)
{
	struct finding *finding = calloc(1, sizeof(*finding));
	va_list args;
	int length;

	if (!finding)
		return;
	va_start(args, format);
	length = vasprintf(&finding->text, format, args);
	va_end(args);
	if (length < 0) {
		free(finding);
		return;
	}
	finding->weight = weight;
	if (!findings->last)
		findings->last = &findings->first;
	*findings->last = finding;
	findings->last = &finding->next;
}

const struct finding *findings_heaviest(const struct findings *findings)
{
	const struct finding *heaviest = findings->first;

	for (const struct finding *f = heaviest; f; f = f->next)
		if (f->weight > heaviest->weight)
			heaviest = f;
	return heaviest;
}

enum verdict findings_verdict(const struct findings *findings)
{
	const struct finding *heaviest = findings_heaviest(findings);

	return heaviest ? heaviest->weight : VERDICT_YES;
}

void findings_free(struct findings *findings)
{
	while (findings->first) {
		struct finding *next = findings->first->next;

		free(findings->first->text);
		free(findings->first);
		findings->first = next;
	}
	findings->last = NULL;
}
