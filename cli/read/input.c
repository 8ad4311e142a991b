/* SPDX-License-Identifier: Apache-2.0
 *
 * From options to the collector's sources.
 */
#include "cli/read/input.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/read/loop.h"

enum source_kind { SOURCE_UNIX, SOURCE_TCP, SOURCE_CONNECT, SOURCE_FILE };

struct input_source {
	enum source_kind kind;
	const char *name;
};

static int add(struct input *input, enum source_kind kind, const char *name)
{
	void *sources = reallocarray(input->sources, input->n + 1,
				     sizeof(*input->sources));

	if (!sources)
		return cli_no_memory();
	input->sources = sources;
	input->sources[input->n++] = (struct input_source){ kind, name };
	return EX_OK;
}

int input_file(struct input *input, const char *path)
{
	return add(input, SOURCE_FILE, path);
}

static int set_timeout(struct input *input, const char *text)
{
	if (cli_duration(text, &input->timeout))
		return EX_OK;
	return cli_usage("-t wants a time such as 5s or 250ms, not '%s'", text);
}

static int set_mode(struct input *input, const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (end == text || *end || mode > 0777)
		return cli_usage("-m wants permissions such as 660, not '%s'",
				 text);
	input->mode = (mode_t)mode;
	return EX_OK;
}

int input_option(struct input *input, int option, const char *value)
{
	switch (option) {
	case 'u':
		return add(input, SOURCE_UNIX, value);
	case 'l':
		return add(input, SOURCE_TCP, value);
	case 'c':
		return add(input, SOURCE_CONNECT, value);
	case 'r':
		return input_file(input, value);
	case 't':
		return set_timeout(input, value);
	case 'm':
		return set_mode(input, value);
	default:
		input->follow = true;
		return EX_OK;
	}
}

static int open_one(const struct input *input,
		    const struct input_source *source,
		    struct collector *collector)
{
	switch (source->kind) {
	case SOURCE_UNIX:
		return collector_unix(collector, source->name, input->mode);
	case SOURCE_TCP:
		return collector_tcp(collector, source->name);
	case SOURCE_CONNECT:
		return collector_connect(collector, source->name);
	default:
		if (input->follow && strcmp(source->name, "-"))
			return collector_follow(collector, source->name);
		return collector_file(collector, source->name);
	}
}

int input_open(const struct input *input, struct collector *collector)
{
	int status = EX_OK;

	for (size_t i = 0; i < input->n && status == EX_OK; i++)
		status = open_one(input, &input->sources[i], collector);
	return status;
}

const char *input_reached(const struct input *input, bool path, const char *to)
{
	for (size_t i = 0; i < input->n; i++) {
		const struct input_source *source = &input->sources[i];
		const char *at = source->name;

		if (path ? source->kind == SOURCE_UNIX && loop_unix(at, to)
			 : source->kind == SOURCE_TCP && loop_tcp(at, to))
			return at;
	}
	return NULL;
}

bool input_reads(const struct input *input, const struct output *output)
{
	for (size_t i = 0; i < input->n; i++)
		if (input->sources[i].kind == SOURCE_FILE &&
		    output_is(output, input->sources[i].name))
			return true;
	return false;
}

void input_release(struct input *input)
{
	free(input->sources);
	*input = (struct input){ 0 };
}
