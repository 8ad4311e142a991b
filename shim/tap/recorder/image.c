/* SPDX-License-Identifier: Apache-2.0
 *
 * The file's octets, and whether they have the shape that this build knows.
 */
#include "shim/tap/recorder/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "proto/common.h"
#include "shim/base/map.h"
#include "shim/queue/ring.h"

#define ADVICE "read it with the dnstapshim of the version that wrote it"
#define NOTHING                                                            \
	"is empty: its process ended before it recorded anything; it can " \
	"be removed"

/* Of the largest queue that can be configured, and a little more. */
#define RUNS_MAX \
	(CONFIG_QUEUE_MAX * (CONFIG_QUEUE_UNIT / RUN_SLOTS + 1) + LANES)

__attribute__((format(printf, 3, 4))) static int fail(
	char error[IMAGE_ERROR_MAX], int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, IMAGE_ERROR_MAX, format, args);
	va_end(args);
	return code;
}

static int fail_errno(char error[IMAGE_ERROR_MAX], int code)
{
	char reason[64];

	return fail(error, code, "%s",
		    strerror_r(-code, reason, sizeof(reason)));
}

static int check_kind(mode_t mode, char error[IMAGE_ERROR_MAX])
{
	if (S_ISREG(mode))
		return 0;
	return fail(error, -EINVAL, "is %s: a recorder is a regular file",
		    S_ISDIR(mode)    ? "a directory"
		    : S_ISFIFO(mode) ? "a pipe"
		    : S_ISSOCK(mode) ? "a socket"
				     : "a device");
}

int image_open(const char *path, char error[IMAGE_ERROR_MAX])
{
	struct stat status;
	int result, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
					    O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ELOOP)
		return fail(error, -ELOOP,
			    "is a symbolic link, which is not followed: name "
			    "the file itself");
	if (fd < 0 && errno == ENXIO) /* a socket, or a device without driver */
		return fail(error, -EINVAL,
			    "is a socket or a device: a recorder is a regular "
			    "file");
	if (fd < 0)
		return fail_errno(error, -errno);
	result = fstat(fd, &status) ? fail_errno(error, -errno)
				    : check_kind(status.st_mode, error);
	if (!result)
		return fd;
	close(fd);
	return result;
}

/* All of it. */
static int read_at(int fd, void *to, size_t size, uint64_t offset,
		   char error[IMAGE_ERROR_MAX])
{
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(fd, (char *)to + done, size - done,
				  offset + done);

		if (n == 0)
			return fail(error, -EINVAL,
				    "ends at octet %" PRIu64
				    ", in the midst of what its header "
				    "promises: it has been cut",
				    offset + done);
		if (n > 0)
			done += n;
		else if (errno != EINTR)
			return fail_errno(error, -errno);
	}
	return 0;
}

/* The shape */

void recorder_shape(struct recorder_header *header, uint32_t runs,
		    uint64_t runs_offset)
{
	header->format = RECORDER_FORMAT;
	header->header_size = sizeof(*header);
	header->run_size = sizeof(struct run);
	header->run_slots = RUN_SLOTS;
	header->slot_size = SLOT_SIZE;
	header->runs = runs;
	header->runs_offset = runs_offset;
	header->size = runs_offset + runs * (uint64_t)sizeof(struct run);
}

static int check_shape(const struct recorder_header *header,
		       char error[IMAGE_ERROR_MAX])
{
	const struct {
		const char *name;
		uint32_t is, expected;
	} shape[] = {
		{ "format", header->format, RECORDER_FORMAT },
		{ "header size", header->header_size, sizeof(*header) },
		{ "run size", header->run_size, sizeof(struct run) },
		{ "slots of a run", header->run_slots, RUN_SLOTS },
		{ "slot size", header->slot_size, SLOT_SIZE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shape); i++)
		if (shape[i].is != shape[i].expected)
			return fail(error, -EINVAL,
				    "was written by another version of the "
				    "library (%s %u, here %u): " ADVICE,
				    shape[i].name, shape[i].is,
				    shape[i].expected);
	return 0;
}

static bool is_laid_out(const struct recorder_header *header)
{
	uint64_t text = offsetof(struct recorder_header, text);

	return header->runs > 0 && header->runs <= RUNS_MAX &&
	       header->text_size <= CONFIG_TEXT_MAX &&
	       header->runs_offset % PAGE == 0 &&
	       header->runs_offset >= text + header->text_size &&
	       header->runs_offset <= text + CONFIG_TEXT_MAX + PAGE &&
	       header->size ==
		       header->runs_offset + header->runs * sizeof(struct run);
}

static int check_header(const struct recorder_header *header, uint64_t size,
			char error[IMAGE_ERROR_MAX])
{
	static const char unwritten[sizeof(header->magic)];
	int result;

	if (!memcmp(header->magic, unwritten, sizeof(unwritten)))
		return fail(error, -ENODATA, NOTHING);
	if (memcmp(header->magic, RECORDER_MAGIC, sizeof(header->magic)))
		return fail(error, -EINVAL,
			    "is no flight recorder of the library: it does not "
			    "begin with " RECORDER_MAGIC);
	result = check_shape(header, error);
	if (result)
		return result;
	if (!is_laid_out(header) || header->process <= 0 ||
	    header->tap >= CONFIG_TAPS_MAX)
		return fail(error, -EINVAL,
			    "has a header that contradicts itself: it is "
			    "damaged, and nothing in it can be relied upon");
	if (size != header->size)
		return fail(error, -EINVAL,
			    "has %" PRIu64
			    " octets where its header says %" PRIu64
			    ": it has been %s, and nothing in it can be relied "
			    "upon",
			    size, header->size,
			    size < header->size ? "cut" : "changed");
	return 0;
}

static int read_header(int fd, struct recorder_header *header,
		       char error[IMAGE_ERROR_MAX])
{
	struct stat status;
	int result;

	if (fstat(fd, &status))
		return fail_errno(error, -errno);
	if (!status.st_size)
		return fail(error, -ENODATA, NOTHING);
	if ((uint64_t)status.st_size < sizeof(*header))
		return fail(error, -EINVAL,
			    "is no flight recorder of the library, or has been "
			    "cut: it has %" PRIu64 " octets, and a header %zu",
			    (uint64_t)status.st_size, sizeof(*header));
	result = read_at(fd, header, sizeof(*header), 0, error);
	return result ? result : check_header(header, status.st_size, error);
}

/* Its contents */

static int read_text(int fd, struct image *image, char error[IMAGE_ERROR_MAX])
{
	size_t size = image->header.text_size;
	int result;

	image->text = malloc(size + 1);
	if (!image->text)
		return fail_errno(error, -ENOMEM);
	result = read_at(fd, image->text, size,
			 offsetof(struct recorder_header, text), error);
	image->text[result ? 0 : size] = '\0';
	if (!result && strlen(image->text) != size)
		return fail(error, -EINVAL,
			    "has a configuration that is no text: it is "
			    "damaged");
	return result;
}

/* Slots from the first to the last that was ever used. */
static size_t used_slots(const struct run *run)
{
	size_t slots = RUN_SLOTS;

	while (slots && !run->mark[slots - 1])
		slots--;
	return slots;
}

/* Marks, then what they speak of, then the marks again: what has been overwritten
 * meanwhile, in a process that lives, is not shown. */
static int read_run(int fd, struct run *run, uint64_t offset,
		    char error[IMAGE_ERROR_MAX])
{
	uint64_t mark[RUN_SLOTS];
	size_t slots;
	int result =
		read_at(fd, run, offsetof(struct run, slot), offset, error);

	if (result)
		return result;
	slots = used_slots(run);
	result = read_at(fd, run->slot, slots * SLOT_SIZE,
			 offset + offsetof(struct run, slot), error);
	if (!result)
		result = read_at(fd, mark, sizeof(mark),
				 offset + offsetof(struct run, mark), error);
	for (size_t slot = 0; slot < RUN_SLOTS && !result; slot++)
		if (mark[slot] != run->mark[slot])
			run->mark[slot] = 0;
	return result;
}

static int read_runs(int fd, struct image *image, char error[IMAGE_ERROR_MAX])
{
	const struct recorder_header *header = &image->header;
	int result = 0;

	image->run = map_new(header->runs * sizeof(struct run));
	if (!image->run)
		return fail_errno(error, -ENOMEM);
	for (uint32_t i = 0; i < header->runs && !result; i++)
		result = read_run(fd, &image->run[i],
				  header->runs_offset + i * sizeof(struct run),
				  error);
	return result;
}

/* Last, so that what a process that lives has sent meanwhile counts as sent. */
static int read_progress(int fd, struct image *image,
			 char error[IMAGE_ERROR_MAX])
{
	return read_at(fd, &image->header.progress,
		       sizeof(image->header.progress),
		       offsetof(struct recorder_header, progress), error);
}

int image_read(int fd, struct image *image, char error[IMAGE_ERROR_MAX])
{
	struct image found = { 0 };
	int result = read_header(fd, &found.header, error);

	if (!result)
		result = read_text(fd, &found, error);
	if (!result)
		result = read_runs(fd, &found, error);
	if (!result)
		result = read_progress(fd, &found, error);
	if (!result && image_list(&found))
		result = fail_errno(error, -ENOMEM);
	if (result)
		image_free(&found);
	else
		*image = found;
	return result;
}

void image_free(struct image *image)
{
	map_free(image->run, image->header.runs * sizeof(struct run));
	free(image->text);
	free(image->message);
}
