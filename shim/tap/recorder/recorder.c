/* SPDX-License-Identifier: Apache-2.0
 *
 * The file is reserved as a whole before it is used: to write to a page that the
 * file system has no room for would end the process.
 */
#include "shim/tap/recorder/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/print.h"
#include "shim/base/log.h"
#include "shim/base/own_fds.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/queue/ring.h"
#include "shim/tap/recorder/format.h"
#include "shim/tap/recorder/recorders.h"

#define CHILD_NS NS_PER_S
#define NAMES    10 /* that are tried */

/* Of one program, for each of its taps: of processes that live, and that did. */
#define FILES_MAX 32

struct recorder {
	int directory, fd;
	char name[NAME_MAX + 1];
	struct recorder_header *header;
	size_t room; /* of the header, with what lies behind it */
	struct queue *queue;
};

/* A tap's configuration, as its file has it. */
static char *text[CONFIG_TAPS_MAX];
static pid_t eldest;

/* Queues of which a forked child has not everything. */
static struct queue *moved[CONFIG_TAPS_MAX];

static void in_child(void)
{
	for (size_t i = 0; i < CONFIG_TAPS_MAX; i++)
		if (moved[i])
			queue_empty(moved[i]);
	memset(moved, 0, sizeof(moved));
}

/* What its messages are to be logged with, and nothing else. */
static char *text_of(const struct config *config, size_t tap)
{
	struct config one = *config;
	char *result = NULL;
	size_t size;
	FILE *out = open_memstream(&result, &size);

	if (!out)
		return NULL;
	one.log = LOG_TARGET_OFF;
	one.metrics_path = one.recorder = NULL;
	one.taps = &config->taps[tap];
	one.n_taps = 1;
	config_print(&one, out);
	return fclose(out) ? NULL : result;
}

int recorder_prepare(const struct config *config)
{
	if (!config->recorder)
		return 0;
	eldest = process_id();
	return -pthread_atfork(NULL, NULL, in_child);
}

int recorder_prepare_one(const struct config *config, size_t tap)
{
	if (!config->recorder)
		return 0;
	text[tap] = text_of(config, tap);
	return text[tap] ? 0 : -ENOMEM;
}

void recorder_unprepare_one(size_t tap)
{
	free(text[tap]);
	text[tap] = NULL;
}

uint64_t recorder_due(const struct config *config, uint64_t now_ns)
{
	if (!config->recorder)
		return UINT64_MAX;
	return process_id() == eldest ? now_ns : now_ns + CHILD_NS;
}

/* The file. Under the name of a dead process that had this one's number, another
 * is chosen. Nobody looks at it before it has a size. */
static int create(struct recorder *recorder, const struct config *config,
		  size_t tap)
{
	char again[8] = "";

	recorder->directory = own_fds_take(
		open(config->recorder, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (recorder->directory < 0)
		return -errno;
	for (int i = 1; i <= NAMES; i++) {
		if (snprintf(recorder->name, sizeof(recorder->name),
			     "%s.%ld.%zu%s", config->program,
			     (long)process_id(), tap + 1,
			     again) >= (int)sizeof(recorder->name))
			return -ENAMETOOLONG;
		recorder->fd = own_fds_take(openat(
			recorder->directory, recorder->name,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600));
		if (recorder->fd >= 0 || errno != EEXIST)
			break;
		snprintf(again, sizeof(again), "-%d", i);
	}
	if (recorder->fd < 0)
		return -errno;
	return flock(recorder->fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

/* Returns what is in the way, or 0. */
static int lay_out(struct recorder *recorder, size_t tap)
{
	size_t size = strlen(text[tap]);
	uint64_t runs = queue_file_size(recorder->queue);

	recorder->room = sizeof(struct recorder_header) + size;
	recorder->room += -recorder->room % PAGE;
	if (fallocate(recorder->fd, 0, 0, recorder->room + runs))
		return -errno;
	void *base = mmap(NULL, recorder->room, PROT_READ | PROT_WRITE,
			  MAP_SHARED, recorder->fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	madvise(base, recorder->room, MADV_DONTFORK);
	madvise(base, recorder->room, MADV_DONTDUMP);
	recorder->header = base;
	recorder_shape(recorder->header, runs / sizeof(struct run),
		       recorder->room);
	recorder->header->tap = tap;
	recorder->header->process = process_id();
	recorder->header->text_size = size;
	memcpy(recorder->header->text, text[tap], size);
	return 0;
}

static void discard(struct recorder *recorder)
{
	if (recorder->header) {
		memset(recorder->header->magic, 0,
		       sizeof(recorder->header->magic));
		munmap(recorder->header, recorder->room);
	}
	if (recorder->fd >= 0) {
		unlinkat(recorder->directory, recorder->name, 0);
		own_fds_close(recorder->fd);
	}
	if (recorder->directory >= 0)
		own_fds_close(recorder->directory);
	free(recorder);
}

/* A program that crashes again and again is not to fill the memory. */
static bool are_too_many(const struct config *config)
{
	struct recorders found;
	size_t same = 0;

	recorders_find(&found, config->recorder, RECORDERS_WATCH);
	for (size_t i = 0; i < found.n; i++)
		same += recorders_are_of(found.file[i].path, config->program);
	recorders_free(&found);
	return same >= FILES_MAX * config->n_taps;
}

static int open_file(struct recorder *recorder, const struct config *config,
		     size_t tap)
{
	if (!sandbox_spares(sandbox_recorder))
		return -EPERM;
	if (are_too_many(config))
		return -EDQUOT;
	int error = create(recorder, config, tap);
	return error ? error : lay_out(recorder, tap);
}

static void log_none(const struct config *config, size_t tap, int error)
{
	log_line(config->taps[tap].socket, "no flight recorder in %s: %s",
		 config->recorder,
		 error == -EDQUOT ? "there are too many of this program; see "
				    "dnstapshim recover"
				  : strerror(-error));
}

/* All that can: this thread may not get to run soon again. What a producer has just
 * claimed is closed the next time, and moves the time after that. */
static void move_now(struct queue *queue)
{
	size_t before = SIZE_MAX;

	for (int vain = 0; vain < 3; vain++) {
		queue_collect(queue, clock_steady());
		if (queue_unmoved(queue) < before)
			vain = 0;
		before = queue_unmoved(queue);
	}
}

void recorder_set_clocks(struct recorder *recorder,
			 const struct clock_pair *clocks)
{
	uint64_t offset = clocks->wall_ns - clocks->steady_ns;

	if (atomic_load_explicit(&recorder->header->wall_offset_ns,
				 memory_order_relaxed) != offset)
		atomic_store_explicit(&recorder->header->wall_offset_ns, offset,
				      memory_order_relaxed);
}

/* The queue moves in. */
static int begin(struct recorder *recorder, size_t tap, uint64_t order,
		 const struct clock_pair *clocks)
{
	moved[tap] = recorder->queue;
	recorder_set_clocks(recorder, clocks);
	recorder_declare(recorder->header);
	queue_move(recorder->queue, recorder->fd, recorder->room, order);
	move_now(recorder->queue);
	if (queue_moves(recorder->queue))
		return 0;
	queue_move(recorder->queue, -1, 0, 0);
	return -ENOMEM;
}

struct recorder *recorder_open(const struct config *config, size_t tap,
			       struct queue *queue, uint64_t order,
			       const struct clock_pair *clocks)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int error = -ENOMEM;

	if (recorder) {
		recorder->directory = recorder->fd = -1;
		recorder->queue = queue;
		error = open_file(recorder, config, tap);
	}
	if (!error)
		error = begin(recorder, tap, order, clocks);
	if (!error)
		return recorder;
	log_none(config, tap, error);
	if (recorder)
		discard(recorder);
	return NULL;
}

struct progress *recorder_progress(struct recorder *recorder)
{
	return &recorder->header->progress;
}

void recorder_close(struct recorder *recorder)
{
	queue_move(recorder->queue, -1, 0, 0);
	discard(recorder);
}
