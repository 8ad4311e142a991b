/* SPDX-License-Identifier: Apache-2.0
 *
 * No allocation, and nothing is read beyond the end of the string.
 */
#include "shim/tap/sample.h"

#include <stdlib.h>
#include <string.h>

#include "shim/drop.h"

/* A value in double quotes at *at, unescaped in place; *at moves behind it.
 * Returns NULL if there is none. */
static char *take_quoted(char **at)
{
	char *begin = *at + 1, *from = begin, *to = begin;

	if (**at != '"')
		return NULL;
	for (; *from != '"'; from++) {
		bool escaped = *from == '\\';

		from += escaped;
		if (!*from)
			return NULL;
		*to++ = escaped && *from == 'n' ? '\n' : *from;
	}
	*at = from + 1;
	*to = '\0';
	return begin;
}

static void take_label(struct sample *sample, const char *name,
		       const char *value)
{
	if (!strcmp(name, "tap"))
		sample->tap = value;
	else if (!strcmp(name, "index"))
		sample->index = strtoul(value, NULL, 10);
	else if (!strcmp(name, "cause"))
		sample->cause = value;
	else if (!strcmp(name, "program"))
		sample->program = value;
	else if (!strcmp(name, "process"))
		sample->process = strtoul(value, NULL, 10);
}

static bool take_labels(struct sample *sample, char **at)
{
	while (**at != '}') {
		char *name = *at, *equals = strchr(name, '=');
		char *value;

		if (!equals)
			return false;
		*at = equals + 1;
		value = take_quoted(at);
		if (!value || (**at != ',' && **at != '}'))
			return false;
		*equals = '\0';
		take_label(sample, name, value);
		*at += **at == ',';
	}
	++*at;
	return true;
}

bool sample_parse(struct sample *sample, char *line)
{
	char *at = strchr(line, '{'), *end;

	if (*line == '#' || !at)
		return false;
	*sample = (struct sample){ line, "", "", "", 0, 0, 0 };
	*at++ = '\0';
	if (!take_labels(sample, &at))
		return false;
	sample->value = strtoull(at, &end, 10);
	return end != at;
}

uint64_t *sample_place(const struct sample *sample, struct exposition_tap *tap,
		       bool *grows)
{
	const struct exposition_family *family;

	for (size_t n = 0; (family = exposition_family(n)); n++) {
		if (strcmp(sample->name, family->name))
			continue;
		*grows = !strcmp(family->type, "counter");
		return (uint64_t *)(void *)((char *)tap + family->offset);
	}
	*grows = true;
	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		if (!strcmp(sample->name, EXPOSITION_DROPPED) &&
		    !strcmp(sample->cause, drop_names[i]))
			return &tap->counts.dropped[i];
	return NULL;
}
