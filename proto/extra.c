/* SPDX-License-Identifier: Apache-2.0
 *
 * A template as a row of parts, literal text and labels by turns.
 */
#include "proto/extra.h"

#include <stdlib.h>
#include <string.h>

#include "proto/dns.h"
#include "proto/label.h"

struct part {
	const struct label *label; /* NULL: a literal */
	const char *text;
	size_t size;
};

struct extra {
	struct extra_constants constants; /* with a program of our own */
	char *program;
	char *text;
	bool wants_upstream;
	size_t n_parts;
	struct part parts[];
};

/* Every label ends in a brace of its own, and a literal may stand before it. */
static size_t parts_max(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '}')) != NULL) {
		text++;
		n += 2;
	}
	return n;
}

static void add_literal(struct extra *extra, const char *text, size_t size)
{
	if (size > 0)
		extra->parts[extra->n_parts++] =
			(struct part){ NULL, text, size };
}

/* `text`: what stands between its braces. */
static void add_label(struct extra *extra, const struct label *label,
		      const char *text, size_t size)
{
	extra->parts[extra->n_parts++] = (struct part){ label, text, size };
	extra->wants_upstream |= strcmp(label->name, LABEL_UPSTREAM) == 0;
}

/* A label lies between a closing brace and the last opening one before it, so
 * that "{ {type} }" holds one. */
static void split(struct extra *extra)
{
	char *literal = extra->text, *from = literal, *close;

	for (; (close = strchr(from, '}')) != NULL; from = close + 1) {
		const char *open = memrchr(from, '{', close - from);
		const struct label *label =
			open ? label_find(open, close + 1 - open) : NULL;

		if (!label)
			continue;
		add_literal(extra, literal, open - literal);
		add_label(extra, label, open + 1, close - open - 1);
		literal = close + 1;
	}
	add_literal(extra, literal, strlen(literal));
}

static char *copy_utf8(const char *string)
{
	char *copy = strdup(string);

	if (copy)
		text_make_utf8(copy, strlen(copy));
	return copy;
}

struct extra *extra_parse(const char *text,
			  const struct extra_constants *constants)
{
	const char *program = constants->program;
	struct extra *extra = calloc(
		1, sizeof(*extra) + parts_max(text) * sizeof(extra->parts[0]));

	if (!extra)
		return NULL;
	extra->constants = *constants;
	extra->text = copy_utf8(text);
	extra->program = program ? copy_utf8(program) : NULL;
	extra->constants.program = extra->program;
	if (!extra->text || (program && !extra->program)) {
		extra_free(extra);
		return NULL;
	}
	split(extra);
	return extra;
}

void extra_free(struct extra *extra)
{
	if (!extra)
		return;
	free(extra->program);
	free(extra->text);
	free(extra);
}

bool extra_wants_upstream(const struct extra *extra)
{
	return extra->wants_upstream;
}

void extra_query_read(const struct event *event, struct record_query *query)
{
	struct dns_edns edns;

	dns_edns_parse(event->payload, event->size, &edns);
	*query = (struct record_query){
		.stamp_ns = event->stamp_ns,
		.size = event->size,
		.udp_size = edns.udp_size,
		.dnssec_ok = edns.dnssec_ok,
	};
}

size_t extra_render(const struct extra *extra, const struct record *record,
		    char *out, size_t size)
{
	struct label_source source = { record, &extra->constants, NULL, 0 };
	struct text text = { out, size, 0, false };

	for (size_t i = 0; i < extra->n_parts && !text.cut; i++) {
		const struct part *part = &extra->parts[i];

		source.text = part->text;
		source.size = part->size;
		if (part->label)
			label_render(part->label, &text, &source);
		else
			text_add(&text, part->text, part->size);
	}
	return text.used;
}
