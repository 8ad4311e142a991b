/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading Prometheus's text format, as far as the library writes it, and finding
 * the file of a process.
 */
#include "cli/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/configured.h"
#include "cli/proc.h"
#include "shim/tap/sample.h"

#define TAPS_MAX  1024
#define SIZE_MOST (16 << 20) /* octets */

static bool is_same(const struct counters_tap *tap, const struct sample *sample)
{
	return tap->tap.index == sample->index &&
	       tap->process == sample->process &&
	       !strcmp(tap->tap.socket, sample->tap) &&
	       !strcmp(tap->program, sample->program);
}

static struct exposition_tap *find(const struct counters *counters,
				   const struct sample *sample)
{
	for (size_t i = 0; i < counters->n; i++)
		if (is_same(&counters->taps[i], sample))
			return &counters->taps[i].tap;
	return NULL;
}

static void free_tap(struct counters_tap *tap)
{
	free((char *)tap->tap.socket);
	free(tap->program);
}

static struct exposition_tap *add(struct counters *counters,
				  const struct sample *sample)
{
	struct counters_tap *taps, *tap;

	taps = reallocarray(counters->taps, counters->n + 1, sizeof(*taps));
	if (!taps)
		return NULL;
	counters->taps = taps;
	tap = &taps[counters->n];
	*tap = (struct counters_tap){ .program = strdup(sample->program),
				      .process = sample->process,
				      .tap = { .socket = strdup(sample->tap),
					       .index = sample->index } };
	if (tap->program && tap->tap.socket)
		return &taps[counters->n++].tap;
	free_tap(tap);
	return NULL;
}

/* The tap that a sample is about: known, or new. NULL: no room. */
static struct exposition_tap *tap_of(struct counters *counters,
				     const struct sample *sample)
{
	struct exposition_tap *tap = find(counters, sample);

	if (tap || counters->n == TAPS_MAX)
		return tap;
	return add(counters, sample);
}

static void take(struct counters *counters, const struct sample *sample)
{
	struct exposition_tap *tap;
	uint64_t *place;
	bool grows;

	if (strncmp(sample->name, "dnstapshim_", 11) || !*sample->tap ||
	    !(tap = tap_of(counters, sample)))
		return;
	place = sample_place(sample, tap, &grows);
	if (place)
		*place = sample->value;
}

/* Another user's process may have named anything: neither is it waited for, nor is all
 * memory filled with it. Returns an fd or -errno. */
static int open_file(const char *path, struct stat *status)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (!fstat(fd, status) && S_ISREG(status->st_mode) &&
	    status->st_size <= SIZE_MOST)
		return fd;
	close(fd);
	return -EINVAL;
}

static void take_lines(struct counters *counters, FILE *file)
{
	struct sample sample;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, file) > 0)
		if (sample_parse(&sample, line))
			take(counters, &sample);
	free(line);
}

int counters_read(struct counters *counters, const char *path)
{
	struct stat status;
	int fd = open_file(path, &status);
	FILE *file;

	*counters = (struct counters){ 0 };
	if (fd < 0)
		return fd;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	take_lines(counters, file);
	fclose(file);
	counters->written = status.st_mtim;
	return counters->n ? 0 : -EINVAL;
}

void counters_free(struct counters *counters)
{
	for (size_t i = 0; i < counters->n; i++)
		free_tap(&counters->taps[i]);
	free(counters->taps);
	*counters = (struct counters){ 0 };
}

const struct exposition_tap *counters_find(const struct counters *counters,
					   const struct counters_tap *same)
{
	const struct sample sample = { .tap = same->tap.socket,
				       .index = same->tap.index,
				       .program = same->program,
				       .process = same->process };

	return find(counters, &sample);
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

void counters_print(const struct exposition_tap *tap, FILE *out)
{
	fprintf(out,
		"captured %" PRIu64 ", skipped %" PRIu64 ", sent %" PRIu64
		" (%" PRIu64 " octets), queued %" PRIu64 " of %" PRIu64
		", dropped %" PRIu64,
		tap->counts.captured, tap->counts.skipped, tap->counts.sent,
		tap->counts.octets, tap->counts.queued, tap->capacity,
		counters_dropped(tap));
	counters_print_causes(tap, out);
	fprintf(out,
		", connected %" PRIu64 " times, lost %" PRIu64
		", failed handshakes %" PRIu64,
		tap->counts.connects, tap->counts.disconnects,
		tap->counts.handshake_failures);
}

/* A configuration that cannot be read here leaves the variable. */
char *counters_path(pid_t pid)
{
	struct config *config = configured_load(pid);
	char *variable = proc_variable(pid, "DNSTAP_METRICS");
	const char *pattern = config ? config->metrics_path : variable;
	char path[PATH_MAX];
	bool expanded =
		pattern && exposition_expand(path, sizeof(path), pattern, pid);

	config_free(config);
	free(variable);
	return expanded ? strdup(path) : NULL;
}
