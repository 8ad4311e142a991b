/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading Prometheus's text format, as far as the library writes it, and finding
 * the file of a process.
 */
#include "cli/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/configured.h"
#include "cli/proc.h"

#define TAPS_MAX 1024

/* One line: NAME{LABEL="VALUE",...} NUMBER, taken apart in place. */
struct sample {
	const char *name, *tap, *cause; /* "" if absent */
	size_t index; /* tells taps on the same SOCKET apart */
	uint64_t value;
};

/* A value in double quotes at *at, unescaped in place; *at moves behind it.
 * Returns NULL if there is none. */
static char *take_quoted(char **at)
{
	char *begin = *at + 1, *from = begin, *to = begin;

	if (**at != '"')
		return NULL;
	for (; *from != '"'; from++) {
		if (*from == '\\')
			from++;
		if (!*from)
			return NULL;
		*to++ = from[-1] == '\\' && *from == 'n' ? '\n' : *from;
	}
	*at = from + 1;
	*to = '\0';
	return begin;
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
		if (!strcmp(name, "tap"))
			sample->tap = value;
		else if (!strcmp(name, "index"))
			sample->index = strtoul(value, NULL, 10);
		else if (!strcmp(name, "cause"))
			sample->cause = value;
		*at += **at == ',';
	}
	++*at;
	return true;
}

static bool parse(struct sample *sample, char *line)
{
	char *at = strchr(line, '{'), *end;

	if (*line == '#' || !at)
		return false;
	*sample = (struct sample){ line, "", "", 0, 0 };
	*at++ = '\0';
	if (!take_labels(sample, &at))
		return false;
	sample->value = strtoull(at, &end, 10);
	return end != at;
}

static struct exposition_tap *find(const struct counters *counters,
				   const char *socket, size_t index)
{
	for (size_t i = 0; i < counters->n; i++)
		if (!strcmp(counters->taps[i].socket, socket) &&
		    counters->taps[i].index == index)
			return &counters->taps[i];
	return NULL;
}

/* The tap that a sample is about: known, or new. NULL: no room. */
static struct exposition_tap *tap_of(struct counters *counters,
				     const struct sample *sample)
{
	struct exposition_tap *taps = counters->taps, *tap;

	tap = find(counters, sample->tap, sample->index);
	if (tap || counters->n == TAPS_MAX)
		return tap;
	taps = realloc(taps, (counters->n + 1) * sizeof(*taps));
	if (!taps)
		return NULL;
	counters->taps = taps;
	tap = &taps[counters->n];
	*tap = (struct exposition_tap){ .socket = strdup(sample->tap),
					.index = sample->index };
	counters->n += tap->socket != NULL;
	return tap->socket ? tap : NULL;
}

static void take(struct counters *counters, const struct sample *sample)
{
	const struct exposition_family *family;
	struct exposition_tap *tap;

	if (strncmp(sample->name, "dnstapshim_", 11) ||
	    !(tap = tap_of(counters, sample)))
		return;
	for (size_t n = 0; (family = exposition_family(n)); n++)
		if (!strcmp(sample->name, family->name))
			memcpy((char *)tap + family->offset, &sample->value,
			       sizeof(sample->value));
	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		if (!strcmp(sample->name, EXPOSITION_DROPPED) &&
		    !strcmp(sample->cause, drop_names[i]))
			tap->counts.dropped[i] = sample->value;
}

int counters_read(struct counters *counters, const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	struct sample sample;
	char *line = NULL;
	size_t room = 0;

	*counters = (struct counters){ 0 };
	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0)
		if (parse(&sample, line))
			take(counters, &sample);
	free(line);
	if (!fstat(fileno(file), &status))
		counters->written = status.st_mtim;
	fclose(file);
	return counters->n ? 0 : -EINVAL;
}

void counters_free(struct counters *counters)
{
	for (size_t i = 0; i < counters->n; i++)
		free((char *)counters->taps[i].socket);
	free(counters->taps);
	*counters = (struct counters){ 0 };
}

const struct exposition_tap *counters_find(const struct counters *counters,
					   const struct exposition_tap *same)
{
	return find(counters, same->socket, same->index);
}

uint64_t counters_dropped(const struct exposition_tap *tap)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		sum += tap->counts.dropped[i];
	return sum;
}

void counters_print_causes(const struct exposition_tap *tap, FILE *out)
{
	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		if (tap->counts.dropped[i])
			fprintf(out, " %s=%" PRIu64, drop_names[i],
				tap->counts.dropped[i]);
}

/* A configuration that cannot be read here leaves the variable. */
char *counters_path(pid_t pid)
{
	struct config *config = configured_load(pid);
	char *variable = proc_variable(pid, "DNSTAP_METRICS");
	const char *pattern = config ? config->metrics_path : variable;
	char path[PATH_MAX];
	bool expanded = pattern && exposition_expand(path, pattern, pid);

	config_free(config);
	free(variable);
	return expanded ? strdup(path) : NULL;
}
