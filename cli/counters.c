/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading Prometheus's text format, as far as the library writes it.
 */
#include "cli/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TAPS_MAX 1024

static const struct {
	const char *name;
	size_t offset;
} families[] = {
#define FAMILY(name, member)                                              \
	{                                                                 \
		"dnstapshim_" name, offsetof(struct tap_counters, member) \
	}
	FAMILY("captured_total", captured),
	FAMILY("sent_total", sent),
	FAMILY("sent_bytes_total", octets),
	FAMILY("skipped_total", skipped),
	FAMILY("queued", queued),
	FAMILY("queue_high_water", high_water),
	FAMILY("queue_capacity", capacity),
	FAMILY("up", up),
	FAMILY("connects_total", connects),
	FAMILY("disconnects_total", disconnects),
	FAMILY("handshake_failures_total", handshake_failures),
};

#define DROPPED "dnstapshim_dropped_total"

/* One line: NAME{LABEL="VALUE",...} NUMBER, taken apart in place. */
struct sample {
	const char *name, *tap, *index, *cause; /* "" if absent */
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
			sample->index = value;
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
	*sample = (struct sample){ line, "", "", "", 0 };
	*at++ = '\0';
	if (!take_labels(sample, &at))
		return false;
	sample->value = strtoull(at, &end, 10);
	return end != at;
}

/* The tap that a sample is about: known, or new. NULL: no room. */
static struct tap_counters *tap_of(struct counters *counters,
				   const struct sample *sample)
{
	struct tap_counters *taps = counters->taps, *tap;

	for (size_t i = 0; i < counters->n; i++)
		if (!strcmp(taps[i].tap, sample->tap) &&
		    !strcmp(taps[i].index, sample->index))
			return &taps[i];
	if (counters->n == TAPS_MAX)
		return NULL;
	taps = realloc(taps, (counters->n + 1) * sizeof(*taps));
	if (!taps)
		return NULL;
	counters->taps = taps;
	tap = &taps[counters->n];
	*tap = (struct tap_counters){ .tap = strdup(sample->tap),
				      .index = strdup(sample->index) };
	if (tap->tap && tap->index)
		return &taps[counters->n++];
	free(tap->tap);
	free(tap->index);
	return NULL;
}

static void take(struct counters *counters, const struct sample *sample)
{
	struct tap_counters *tap;

	if (strncmp(sample->name, "dnstapshim_", 11) ||
	    !(tap = tap_of(counters, sample)))
		return;
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (!strcmp(sample->name, families[i].name))
			memcpy((char *)tap + families[i].offset, &sample->value,
			       sizeof(sample->value));
	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		if (!strcmp(sample->name, DROPPED) &&
		    !strcmp(sample->cause, drop_names[i]))
			tap->dropped[i] = sample->value;
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
	for (size_t i = 0; i < counters->n; i++) {
		free(counters->taps[i].tap);
		free(counters->taps[i].index);
	}
	free(counters->taps);
	*counters = (struct counters){ 0 };
}

const struct tap_counters *counters_find(const struct counters *counters,
					 const struct tap_counters *same)
{
	for (size_t i = 0; i < counters->n; i++)
		if (!strcmp(counters->taps[i].tap, same->tap) &&
		    !strcmp(counters->taps[i].index, same->index))
			return &counters->taps[i];
	return NULL;
}

uint64_t counters_dropped(const struct tap_counters *tap)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		sum += tap->dropped[i];
	return sum;
}

void counters_print_causes(const struct tap_counters *tap, FILE *out)
{
	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		if (tap->dropped[i])
			fprintf(out, " %s=%" PRIu64, drop_names[i],
				tap->dropped[i]);
}
