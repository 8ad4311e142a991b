/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue that lies in a flight recorder's file, for the tests of what reads such
 * files: a real queue, moved as a tap moves it, and read while it lives.
 */
#pragma once

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim/queue/ring.h"
#include "shim/tap/recorder/image.h"

#define RECORDED_TEXT "dnstap /run/dnstap.sock full {\n\tidentity \"ns1\"\n}\n"
#define RECORDED_WALL 1000000000000ull

struct recorded {
	struct queue *queue;
	struct recorder_header *header; /* in the file */
	int fd;
	char path[64];
};

static inline void recorded_fill(struct recorded *recorded, const char *text)
{
	struct recorder_header *header = recorded->header;

	recorder_shape(header, recorded->queue->runs, PAGE);
	header->process = 4711;
	header->wall_offset_ns = RECORDED_WALL;
	header->text_size = strlen(text);
	memcpy(header->text, text, strlen(text));
	recorder_declare(header);
}

static inline struct recorded recorded_new(const char *text)
{
	struct recorded recorded = { .queue = queue_new(200),
				     .path = "/tmp/recorded.XXXXXX" };

	recorded.fd = mkstemp(recorded.path);
	cr_assert_geq(recorded.fd, 0);
	cr_assert_eq(
		ftruncate(recorded.fd, PAGE + queue_file_size(recorded.queue)),
		0);
	recorded.header = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       recorded.fd, 0);
	recorded_fill(&recorded, text);
	queue_move(recorded.queue, recorded.fd, PAGE, 0);
	while (queue_unmoved(recorded.queue)) {
		queue_collect(recorded.queue, UINT64_MAX);
		queue_release(recorded.queue, 0);
	}
	return recorded;
}

static inline void recorded_free(struct recorded *recorded)
{
	munmap(recorded->header, PAGE);
	queue_free(recorded->queue);
	close(recorded->fd);
	unlink(recorded->path);
}

/* As whoever comes after a crash. */
static inline struct image recorded_read(const struct recorded *recorded)
{
	char error[IMAGE_ERROR_MAX] = "";
	struct image image;
	int fd = image_open(recorded->path, error);

	cr_assert_geq(fd, 0, "%s", error);
	cr_assert_eq(image_read(fd, &image, error), 0, "%s", error);
	close(fd);
	return image;
}
