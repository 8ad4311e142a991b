/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are no recorder's, or were one's: an error that says so, or what can
 * be relied upon; and nothing beyond the file's own memory is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "config/config.h"
#include "proto/common.h"
#include "shim/tap/recorder/replay.h"
#include "tests/unit/recorded.h"

static struct recorded several(void)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);

	for (uint64_t stamp = 1; stamp <= 40; stamp++) {
		struct queue_room room =
			queue_reserve(recorded.queue, 12 + stamp * 100);

		room.event->stamp_ns = stamp;
		memset(room.event->payload, stamp, 12 + stamp * 100);
		if (stamp % 9)
			queue_commit(recorded.queue, room);
	}
	size_t pending = queue_collect(recorded.queue, UINT64_MAX);
	for (size_t i = 0; i < pending; i++)
		queue_sending(recorded.queue, queue_event(recorded.queue, i),
			      100);
	queue_release(recorded.queue, pending);
	progress_set(&recorded.header->progress, 10, 170);
	return recorded;
}

static void refused(const struct recorded *recorded, const char *what, int code,
		    const char *said)
{
	char error[IMAGE_ERROR_MAX] = "";
	struct image image;
	int fd = image_open(recorded->path, error);
	int result = image_read(fd, &image, error);

	cr_expect_eq(result, code, "%s: %d", what, result);
	cr_expect(strstr(error, said), "%s: %s", what, error);
	if (!result)
		image_free(&image);
	close(fd);
}

/* Each field of the header, one off and at the extremes. */
Test(recorder_hostile, refuses_every_wrong_header)
{
	struct recorded recorded = several();
	static const char version[] = "another version of the library";
	static const char damaged[] = "contradicts itself";
#define FIELD(name, said)                                                    \
	{                                                                    \
#name, offsetof(struct recorder_header, name),               \
			sizeof(((struct recorder_header *)NULL)->name), said \
	}
	static const struct {
		const char *name;
		size_t at, size;
		const char *said;
	} fields[] = {
		{ "magic", 0, 8, "no flight recorder" },
		FIELD(format, version),
		FIELD(header_size, version),
		FIELD(run_size, version),
		FIELD(run_slots, version),
		FIELD(slot_size, version),
		FIELD(runs, damaged),
		FIELD(runs_offset, damaged),
		FIELD(size, damaged),
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		void *at = (char *)recorded.header + fields[i].at;
		uint64_t good = 0, bad[5];

		memcpy(&good, at, fields[i].size);
		bad[0] = good + 1, bad[1] = good - 1, bad[2] = 3, bad[3] = -1;
		bad[4] = good | 1ull << (fields[i].size * 8 - 1);
		for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
			memcpy(at, &bad[k], fields[i].size);
			refused(&recorded, fields[i].name, -EINVAL,
				fields[i].said);
		}
		memcpy(at, &good, fields[i].size);
	}
	refused(&recorded, "as it was", 0, "");
	memset(recorded.header->magic, 0, sizeof(recorded.header->magic));
	refused(&recorded, "not yet begun", -ENODATA, "is empty");
	recorded_free(&recorded);
}

Test(recorder_hostile, refuses_a_process_a_tap_and_a_text_that_cannot_be)
{
	struct recorded recorded = several();
	struct recorder_header *header = recorded.header;
	uint32_t size = header->text_size;

	header->process = -1;
	refused(&recorded, "process", -EINVAL, "contradicts itself");
	header->process = 1;
	header->tap = CONFIG_TAPS_MAX;
	refused(&recorded, "tap", -EINVAL, "contradicts itself");
	header->tap = 0;
	header->text_size = PAGE - offsetof(struct recorder_header, text) + 1;
	refused(&recorded, "text behind the header", -EINVAL,
		"contradicts itself");
	header->text_size = UINT32_MAX;
	refused(&recorded, "endless text", -EINVAL, "contradicts itself");
	header->text_size = size + 1;
	refused(&recorded, "a NUL", -EINVAL, "no text");
	recorded_free(&recorded);
}

Test(recorder_hostile, refuses_what_has_been_cut)
{
	struct recorded recorded = several();
	uint64_t size = recorded.header->size;
	const uint64_t sizes[] = { size - 1, size / 2, PAGE + 1, PAGE,
				   PAGE / 2 + 1 };

	cr_assert_eq(ftruncate(recorded.fd, size + 1), 0);
	refused(&recorded, "longer", -EINVAL, "it has been changed");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		cr_assert_eq(ftruncate(recorded.fd, sizes[i]), 0);
		refused(&recorded, "cut", -EINVAL, "it has been cut");
	}
	recorded.header->runs = 0;
	recorded.header->size = PAGE;
	cr_assert_eq(ftruncate(recorded.fd, PAGE), 0);
	refused(&recorded, "no runs", -EINVAL, "contradicts itself");
	cr_assert_eq(ftruncate(recorded.fd, 40), 0);
	refused(&recorded, "less than a header", -EINVAL, "or has been cut");
	cr_assert_eq(ftruncate(recorded.fd, 0), 0);
	refused(&recorded, "empty", -ENODATA, "is empty");
	recorded_free(&recorded);
}

static void not_opened(const char *path, int code, const char *said)
{
	char error[IMAGE_ERROR_MAX] = "";

	cr_expect_eq(image_open(path, error), code, "%s", path);
	cr_expect(strstr(error, said), "%s: %s", path, error);
}

Test(recorder_hostile, opens_regular_files_only)
{
	char directory[] = "/tmp/recorded.XXXXXX", path[64];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert(mkdtemp(directory));
	not_opened(directory, -EINVAL, "is a directory");
	not_opened("/dev/null", -EINVAL, "is a device");
	not_opened("/nowhere/at/all", -ENOENT, "No such file");
	snprintf(path, sizeof(path), "%s/x", directory);
	cr_assert_eq(mkfifo(path, 0600), 0);
	not_opened(path, -EINVAL, "is a pipe"); /* nobody writes to it */
	unlink(path);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	not_opened(path, -ELOOP, "symbolic link");
	unlink(path);
	strcpy(address.sun_path, path);
	cr_assert_eq(bind(fd, (void *)&address, sizeof(address)), 0);
	not_opened(path, -EINVAL, "is a socket");
	unlink(path);
	close(fd);
	rmdir(directory);
}

/* All of it is in the image, in order, and none in another. */
static void check(const struct image *image)
{
	const uint8_t *end = (const void *)&image->run[image->header.runs];
	uint64_t sum = 0;
	size_t size;

	for (size_t i = 0; i < image->count; i++) {
		const struct event *event = image->message[i].event;

		cr_assert_leq(event->slots, RUN_SLOTS - image->message[i].slot);
		cr_assert_leq(event->size, EVENT_SIZE_MAX);
		cr_assert_leq(event->payload + event->size, end);
		cr_assert(!i || image->message[i - 1].event->stamp_ns <=
					event->stamp_ns);
	}
	for (int state = 0; state < IMAGE_STATES; state++)
		sum += image->counts[state];
	cr_assert_eq(sum, image->count);
	char error[IMAGE_ERROR_MAX];
	struct replay *replay = replay_new(image, "x", error);
	for (size_t i = 0; replay && i < image->count; i++)
		replay_message(replay, i, &size);
	replay_free(replay);
}

/* Where the octets are that decide: the header, what precedes the slots of each
 * run, and what precedes each payload. */
static size_t somewhere(const struct image *image)
{
	const struct recorder_header *header = &image->header;
	size_t run = random() % 4;

	switch (random() % 4) {
	case 0:
		return random() % (offsetof(struct recorder_header, text) +
				   header->text_size);
	case 1:
		run = random() % header->runs;
		/* fall through */
	case 2:
		return header->runs_offset + run * sizeof(struct run) +
		       random() % (offsetof(struct run, octets) +
				   RUN_SLOTS * sizeof(uint32_t));
	default:
		return header->runs_offset + run * sizeof(struct run) +
		       offsetof(struct run, slot) +
		       random() % RUN_SLOTS * SLOT_SIZE +
		       random() % (sizeof(struct event) + 40);
	}
}

Test(recorder_hostile, holds_out_against_corruption, .timeout = 300)
{
	struct recorded recorded = several();
	struct image good = recorded_read(&recorded), image;
	char error[IMAGE_ERROR_MAX];
	size_t at[8], read = 0;
	uint8_t was[8];

	srandom(1);
	for (int round = 0; round < 3000; round++) {
		int changes = 1 + random() % 8;

		for (int i = 0; i < changes; i++) {
			uint8_t octet = random();

			at[i] = somewhere(&good);
			cr_assert_eq(pread(recorded.fd, &was[i], 1, at[i]), 1);
			octet = random() % 2 ? octet
					     : was[i] ^ 1 << random() % 8;
			cr_assert_eq(pwrite(recorded.fd, &octet, 1, at[i]), 1);
		}
		if (!image_read(recorded.fd, &image, error)) {
			check(&image);
			image_free(&image);
			read++;
		}
		for (int i = changes; i--;)
			cr_assert_eq(pwrite(recorded.fd, &was[i], 1, at[i]), 1);
	}
	cr_assert_gt(read, 1000);
	image_free(&good);
	recorded_free(&recorded);
}

/* A slot whose event says more than its marks do. */
Test(recorder_hostile, believes_no_length)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	const struct {
		uint32_t size, slots;
		uint16_t tail;
	} wrong[] = { { 11, 1, 0 },
		      { 0, 0, 0 },
		      { 12, 0, 0 },
		      { 12, 2, 0 },
		      { 1281, 1, 0 },
		      { 1281, 2, 0 }, /* but there is no second slot */
		      { 12, 1, 1280 },
		      { 12, 2, 1280 },
		      { 12, 1, UINT16_MAX },
		      { EVENT_SIZE_MAX + 1, slots_for(EVENT_SIZE_MAX + 1), 0 },
		      { UINT32_MAX, 1, 0 },
		      { UINT32_MAX, UINT32_MAX, 0 } };
	struct queue_room room = queue_reserve(recorded.queue, 12);

	queue_commit(recorded.queue, room);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		room.event->size = wrong[i].size;
		room.event->slots = wrong[i].slots;
		room.event->tail = wrong[i].tail;
		struct image image = recorded_read(&recorded);
		cr_expect_eq(image.count, 0, "%zu", i);
		cr_expect_eq(image.damaged, 1, "%zu", i);
		image_free(&image);
	}
	recorded_free(&recorded);
}

/* More than a message can have, in slots that would hold it. */
Test(recorder_hostile, believes_no_message_that_is_too_long)
{
	struct recorded recorded = recorded_new(RECORDED_TEXT);
	struct queue_room room =
		queue_reserve(recorded.queue, EVENT_OCTETS_MAX);
	static const struct {
		uint32_t size;
		uint16_t tail;
	} wrong[] = { { EVENT_SIZE_MAX + 1, 0 },
		      { EVENT_SIZE_MAX, 257 },
		      { EVENT_SIZE_MAX - UINT16_MAX + 257, UINT16_MAX } };

	queue_commit(recorded.queue, room);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		room.event->size = wrong[i].size;
		room.event->tail = wrong[i].tail;
		cr_assert_leq(slots_for(event_octets(room.event)),
			      room.event->slots);
		struct image image = recorded_read(&recorded);
		cr_expect_eq(image.count, 0, "%zu", i);
		cr_expect_eq(image.damaged, 1, "%zu", i);
		image_free(&image);
	}
	recorded_free(&recorded);
}
