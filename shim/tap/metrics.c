/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing under a sequence lock, and the text format.
 */
#include "shim/tap/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define COUNTS    (sizeof(struct metrics_counts) / sizeof(uint64_t))

struct slot {
	_Atomic uint64_t sequence; /* odd: being written */
	_Atomic uint64_t count[COUNTS];
};

struct metrics {
	const struct config *config;
	char path[PATH_SIZE]; /* "": none */
	_Atomic size_t running;
	struct slot slot[];
};

/* One tap, read at one moment. */
struct reading {
	const char *socket;
	size_t index;
	uint64_t captured, capacity;
	struct metrics_counts counts;
};

/* %p is the process id: several processes of one server share a setting. */
static bool expand(char *to, size_t size, const char *path)
{
	size_t at = 0;

	for (; *path && at < size; path++) {
		if (path[0] == '%' && path[1] == 'p') {
			at += snprintf(to + at, size - at, "%ld",
				       (long)getpid());
			path++;
		} else {
			to[at++] = *path;
		}
	}
	if (at >= size)
		return false;
	to[at] = '\0';
	return true;
}

static size_t size_for(const struct config *config)
{
	return sizeof(struct metrics) + config->n_taps * sizeof(struct slot);
}

struct metrics *metrics_new(const struct config *config)
{
	/* Not by malloc: this may be a signal handler. */
	struct metrics *metrics =
		mmap(NULL, size_for(config), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (metrics == MAP_FAILED)
		return NULL;
	metrics->config = config;
	if (config->metrics_path &&
	    !expand(metrics->path, PATH_SIZE, config->metrics_path))
		metrics->path[0] = '\0';
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	munmap(metrics, size_for(metrics->config));
}

bool metrics_wanted(const struct metrics *metrics)
{
	return metrics->path[0];
}

void metrics_publish(struct metrics *metrics, size_t tap,
		     const struct metrics_counts *counts)
{
	struct slot *slot = &metrics->slot[tap];
	uint64_t sequence =
		atomic_load_explicit(&slot->sequence, memory_order_relaxed);
	uint64_t from[COUNTS];

	memcpy(from, counts, sizeof(from));
	atomic_store_explicit(&slot->sequence, sequence + 1,
			      memory_order_relaxed);
	/* Who reads one of the counts below finds the sequence odd or changed. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < COUNTS; i++)
		atomic_store_explicit(&slot->count[i], from[i],
				      memory_order_relaxed);
	atomic_store_explicit(&slot->sequence, sequence + 2,
			      memory_order_release);
}

static void read_counts(struct slot *slot, struct metrics_counts *counts)
{
	uint64_t to[COUNTS], before, after;

	do {
		before = atomic_load_explicit(&slot->sequence,
					      memory_order_acquire);
		for (size_t i = 0; i < COUNTS; i++)
			to[i] = atomic_load_explicit(&slot->count[i],
						     memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&slot->sequence,
					     memory_order_relaxed);
	} while (before % 2 || before != after);
	memcpy(counts, to, sizeof(to));
}

static void read_tap(struct metrics *metrics, size_t tap,
		     struct reading *reading)
{
	const struct metrics_counts *counts = &reading->counts;

	reading->socket = metrics->config->taps[tap].socket;
	reading->index = tap;
	reading->capacity =
		(uint64_t)metrics->config->taps[tap].queue * CONFIG_QUEUE_UNIT;
	read_counts(&metrics->slot[tap], &reading->counts);
	reading->captured = counts->sent + counts->skipped + counts->queued;
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		reading->captured += counts->dropped[cause];
}

static const struct family {
	const char *name, *type, *help;
	size_t offset; /* of its value in struct reading */
} families[] = {
#define FAMILY(name, type, member, help)                 \
	{                                                \
		"dnstapshim_" name, type, help,          \
			offsetof(struct reading, member) \
	}
	FAMILY("captured_total", "counter", captured,
	       "DNS messages seen for this tap."),
	FAMILY("sent_total", "counter", counts.sent,
	       "Messages handed to the endpoint."),
	FAMILY("sent_bytes_total", "counter", counts.octets,
	       "Octets of frames handed to the endpoint."),
	FAMILY("skipped_total", "counter", counts.skipped,
	       "Messages that the tap's types or sample leave out."),
	FAMILY("queued", "gauge", counts.queued,
	       "Messages captured, but not yet sent."),
	FAMILY("queue_high_water", "gauge", counts.queued_most,
	       "The most messages ever queued."),
	FAMILY("queue_capacity", "gauge", capacity,
	       "Messages that the queue is sure to hold."),
	FAMILY("up", "gauge", counts.up,
	       "Collectors that take messages: 0 or 1, more where they connect."),
	FAMILY("connects_total", "counter", counts.connects,
	       "Connections on which messages could be sent."),
	FAMILY("disconnects_total", "counter", counts.disconnects,
	       "Such connections that were lost."),
	FAMILY("handshake_failures_total", "counter", counts.handshake_failures,
	       "Connections that failed before messages could be sent."),
	FAMILY("missed_total", "counter", counts.missed,
	       "Messages that a collector among several did not get."),
};

/* Text in double quotes: exposition format 0.0.4. */
static void write_label(FILE *file, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', file);
		fputc(*value, file);
	}
}

/* `cause`: NULL where the value is not that of one. */
static void write_sample(FILE *file, const char *name,
			 const struct reading *reading, const char *cause,
			 uint64_t value)
{
	fprintf(file, "%s{tap=\"", name);
	write_label(file, reading->socket);
	fprintf(file, "\",index=\"%zu\"", reading->index);
	if (cause)
		fprintf(file, ",cause=\"%s\"", cause);
	fprintf(file, "} %" PRIu64 "\n", value);
}

static void write_family(FILE *file, const struct family *family,
			 const struct reading *readings, size_t count)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", family->name,
		family->help, family->name, family->type);
	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		memcpy(&value, (const char *)&readings[i] + family->offset,
		       sizeof(value));
		write_sample(file, family->name, &readings[i], NULL, value);
	}
}

static void write_dropped(FILE *file, const struct reading *readings,
			  size_t count)
{
	fputs("# HELP dnstapshim_dropped_total Messages that are not in the "
	      "log, by cause.\n# TYPE dnstapshim_dropped_total counter\n",
	      file);
	for (size_t i = 0; i < count; i++)
		for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
			write_sample(file, "dnstapshim_dropped_total",
				     &readings[i], drop_names[cause],
				     readings[i].counts.dropped[cause]);
}

static int write_all(struct metrics *metrics, FILE *file)
{
	size_t count = metrics->config->n_taps;
	struct reading *readings = calloc(count, sizeof(*readings));

	if (!readings)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		read_tap(metrics, i, &readings[i]);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		write_family(file, &families[i], readings, count);
	write_dropped(file, readings, count);
	free(readings);
	return ferror(file) ? -EIO : 0;
}

int metrics_write(struct metrics *metrics)
{
	char partial[PATH_SIZE + 32];

	/* One of its own for each process: they may share the path. */
	snprintf(partial, sizeof(partial), "%s.%ld.new", metrics->path,
		 (long)getpid());
	FILE *file = fopen(partial, "we");
	if (!file)
		return -errno;
	/* Whoever scrapes it is another user, and a server's umask may be 077. */
	fchmod(fileno(file), 0644);
	int error = write_all(metrics, file);
	if (fclose(file) && !error)
		error = -errno;
	if (!error && rename(partial, metrics->path))
		error = -errno;
	if (error)
		unlink(partial);
	return error;
}

void metrics_join(struct metrics *metrics)
{
	atomic_fetch_add(&metrics->running, 1);
}

void metrics_leave(struct metrics *metrics)
{
	if (atomic_fetch_sub(&metrics->running, 1) == 1 &&
	    metrics_wanted(metrics))
		metrics_write(metrics);
}
