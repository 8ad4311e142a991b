/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages get numbers in the order of sending anew, behind those that the dead
 * process gave out: so at no moment is one taken for sent that is not.
 */
#include "shim/tap/recorder/predecessor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/base/log.h"
#include "shim/base/own_fds.h"
#include "shim/base/sandbox.h"
#include "shim/queue/ring.h"
#include "shim/tap/recorder/recorders.h"
#include "shim/tap/recorder/replay.h"
#include "shim/tap/stream/frame.h"

/* So often is one begun to be sent. */
#define TRIES_MAX 3

struct predecessor {
	char *path;
	const char *socket; /* of the tap that sends it */
	int lock, fd;       /* held; and open for writing */
	struct image image;
	struct replay *replay;
	struct progress *progress; /* in the file */
	size_t at;            /* the message that is next to be looked at */
	const uint8_t *frame; /* what it is to be logged as */
	size_t size;
	uint64_t first, count; /* numbers given out before; handed over */
};

static void release(struct predecessor *predecessor)
{
	if (predecessor->progress)
		munmap((uint8_t *)predecessor->progress -
			       offsetof(struct recorder_header, progress),
		       sizeof(struct recorder_header));
	if (predecessor->fd >= 0)
		own_fds_close(predecessor->fd);
	if (predecessor->lock >= 0)
		own_fds_close(predecessor->lock);
	replay_free(predecessor->replay);
	image_free(&predecessor->image);
	free(predecessor->path);
	free(predecessor);
}

/* Only what can be nothing but the work of a process like this one. */
static bool is_ours(int fd, int lock)
{
	struct stat about, locked;

	return !fstat(fd, &about) && !fstat(lock, &locked) &&
	       about.st_dev == locked.st_dev && about.st_ino == locked.st_ino &&
	       about.st_uid == geteuid() && about.st_nlink == 1 &&
	       !(about.st_mode & (S_IRWXG | S_IRWXO));
}

static bool open_both(struct predecessor *predecessor)
{
	char error[IMAGE_ERROR_MAX];

	predecessor->lock = own_fds_take(
		recorders_open(predecessor->path, RECORDERS_OWN, error));
	if (predecessor->lock < 0)
		return false;
	predecessor->fd = own_fds_take(
		open(predecessor->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC));
	return predecessor->fd >= 0 &&
	       is_ours(predecessor->fd, predecessor->lock);
}

static bool put(const struct predecessor *predecessor, const void *data,
		size_t size, off_t at)
{
	return pwrite(predecessor->fd, data, size, at) == (ssize_t)size;
}

/* At that place of the message's run. */
static bool put_in_run(const struct predecessor *predecessor,
		       const struct image_message *message, const void *data,
		       size_t size, size_t place)
{
	const struct recorder_header *header = &predecessor->image.header;

	return put(predecessor, data, size,
		   header->runs_offset + message->run * sizeof(struct run) +
			   place);
}

/* Notes that are the marks' own: the dead process had not looked at this run. */
static bool renew_notes(struct predecessor *predecessor,
			const struct image_message *message)
{
	struct run *run = &predecessor->image.run[message->run];
	const size_t from = offsetof(struct run, notes);
	const size_t size = offsetof(struct run, slot) - from;

	if (run->notes.generation == message->generation)
		return true;
	memset((uint8_t *)run + from, 0, size);
	/* The generation last: until then nothing here is heeded. */
	if (!put_in_run(predecessor, message, (uint8_t *)run + from, size,
			from))
		return false;
	run->notes.generation = message->generation;
	return put_in_run(predecessor, message, &run->notes.generation,
			  sizeof(run->notes.generation),
			  offsetof(struct run, notes.generation));
}

static bool put_octets(const struct predecessor *predecessor,
		       const struct image_message *message, uint32_t octets)
{
	return put_in_run(predecessor, message, &octets, sizeof(octets),
			  offsetof(struct run, octets) +
				  message->slot * sizeof(octets));
}

static bool put_order(const struct predecessor *predecessor,
		      const struct image_message *message, uint64_t order)
{
	return put_in_run(predecessor, message, &order, sizeof(order),
			  offsetof(struct run, order) +
				  message->slot * sizeof(order));
}

static uint64_t last_number(const struct image *image)
{
	const struct progress *progress = &image->header.progress;
	uint64_t last = progress->cell[progress->now & 1].frames;

	for (size_t i = 0; i < image->count; i++)
		if (image->message[i].order > last &&
		    image->message[i].order != UINT64_MAX)
			last = image->message[i].order;
	return last;
}

/* What the dead process had numbered, and not sent, gets numbers that no progress
 * reaches, until it is handed over. */
static bool take_numbers(struct predecessor *predecessor)
{
	const struct image *image = &predecessor->image;

	predecessor->first = last_number(image);
	for (size_t i = 0; i < image->count; i++) {
		const struct image_message *message = &image->message[i];

		if (message->state == IMAGE_UNSENT && message->order &&
		    !put_order(predecessor, message, UINT64_MAX))
			return false;
	}
	return true;
}

static bool map_progress(struct predecessor *predecessor)
{
	void *base =
		mmap(NULL, sizeof(struct recorder_header),
		     PROT_READ | PROT_WRITE, MAP_SHARED, predecessor->fd, 0);

	if (base == MAP_FAILED)
		return false;
	madvise(base, sizeof(struct recorder_header), MADV_DONTFORK);
	predecessor->progress =
		(void *)((uint8_t *)base +
			 offsetof(struct recorder_header, progress));
	return true;
}

/* Of this tap's collector. */
static bool is_wanted(struct predecessor *predecessor, const char *program)
{
	char error[IMAGE_ERROR_MAX];

	if (image_read(predecessor->lock, &predecessor->image, error))
		return false;
	predecessor->replay = replay_new(&predecessor->image, program, error);
	return predecessor->replay &&
	       !strcmp(replay_socket(predecessor->replay), predecessor->socket);
}

/* What is in it may be what killed those who have tried. */
static bool put_tries(const struct predecessor *predecessor, uint32_t tries)
{
	return put(predecessor, &tries, sizeof(tries),
		   offsetof(struct recorder_header, tries));
}

static bool may_try(const struct predecessor *predecessor)
{
	uint32_t tries = predecessor->image.header.tries;

	return tries < TRIES_MAX && put_tries(predecessor, tries + 1);
}

static void log_taken(const struct predecessor *predecessor)
{
	const struct image *image = &predecessor->image;

	log_line(predecessor->socket,
		 "process %d has left %" PRIu64
		 " messages unsent in %s: they are sent first; it was within "
		 "the call of %" PRIu64 " more",
		 image->header.process, image->counts[IMAGE_UNSENT],
		 predecessor->path,
		 image->counts[IMAGE_DEPARTING] + image->torn);
}

static struct predecessor *take(const char *path, const char *program,
				const char *socket)
{
	struct predecessor *predecessor = calloc(1, sizeof(*predecessor));

	if (!predecessor)
		return NULL;
	predecessor->lock = predecessor->fd = -1;
	predecessor->socket = socket;
	predecessor->path = strdup(path);
	if (predecessor->path && open_both(predecessor) &&
	    is_wanted(predecessor, program) && may_try(predecessor) &&
	    take_numbers(predecessor) && map_progress(predecessor)) {
		log_taken(predecessor);
		return predecessor;
	}
	release(predecessor);
	return NULL;
}

struct predecessor *predecessor_take(const struct config *config, size_t tap)
{
	struct predecessor *taken = NULL;
	struct recorders found;

	if (!sandbox_spares(sandbox_recorder))
		return NULL;
	recorders_find(&found, config->recorder, RECORDERS_WATCH);
	for (size_t i = 0; i < found.n && !taken; i++)
		if (recorders_are_of(found.file[i].path, config->program))
			taken = take(found.file[i].path, config->program,
				     config->taps[tap].socket);
	recorders_free(&found);
	return taken;
}

struct progress *predecessor_progress(struct predecessor *predecessor)
{
	return predecessor->progress;
}

uint64_t predecessor_first(const struct predecessor *predecessor)
{
	return predecessor->first;
}

/* What has been sent before is looked at as well: a response is known by its
 * query. */
const uint8_t *predecessor_message(struct predecessor *predecessor,
				   size_t *size)
{
	const struct image *image = &predecessor->image;

	while (!predecessor->frame && predecessor->at < image->count) {
		size_t at = predecessor->at++;
		const uint8_t *frame = replay_message(predecessor->replay, at,
						      &predecessor->size);

		if (image->message[at].state == IMAGE_UNSENT)
			predecessor->frame = frame;
	}
	*size = predecessor->size;
	return predecessor->frame;
}

void predecessor_next(struct predecessor *predecessor)
{
	const struct image_message *message =
		&predecessor->image.message[predecessor->at - 1];

	predecessor->frame = NULL;
	predecessor->count++;
	if (renew_notes(predecessor, message) &&
	    put_octets(predecessor, message,
		       FRAME_LENGTH_SIZE + predecessor->size))
		put_order(predecessor, message,
			  predecessor->first + predecessor->count);
}

void predecessor_close(struct predecessor *predecessor, bool all)
{
	if (all)
		recorders_remove(predecessor->path, predecessor->lock);
	else
		put_tries(predecessor, 0); /* this process has lived */
	release(predecessor);
}
