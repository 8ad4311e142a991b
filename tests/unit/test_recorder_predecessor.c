/* SPDX-License-Identifier: Apache-2.0
 *
 * What a dead process has left is handed over once, whoever dies of handing it over.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proto/common.h"
#include "shim/base/log.h"
#include "shim/tap/recorder/predecessor.h"
#include "shim/tap/stream/frame.h"
#include "tests/unit/recorded.h"

#define MESSAGES 5

static char directory[32];
static struct tap_config about = { .socket = (char *)"/run/dnstap.sock" };
static struct config config = { .n_taps = 1,
				.taps = &about,
				.program = (char *)"prog",
				.recorder = directory };
static struct recorded recorded;

static void put(uint16_t id)
{
	struct queue_room room = queue_reserve(recorded.queue, 12);
	uint8_t header[12] = { (uint8_t)(id >> 8), (uint8_t)id, 1 };

	cr_assert(room.event);
	room.event->stamp_ns = id;
	room.event->flags = EVENT_SERVES;
	memcpy(room.event->payload, header, sizeof(header));
	queue_commit(recorded.queue, room);
}

static void name_file(const char *name)
{
	char path[sizeof(recorded.path) + sizeof(directory)];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	cr_assert_eq(rename(recorded.path, path), 0);
	cr_assert_lt(strlen(path), sizeof(recorded.path));
	strcpy(recorded.path, path);
}

static void set_up(void)
{
	log_open(NULL, NULL);
	strcpy(directory, "/tmp/heir.XXXXXX");
	cr_assert(mkdtemp(directory));
	recorded = recorded_new(RECORDED_TEXT);
	for (uint16_t id = 1; id <= MESSAGES; id++)
		put(id);
	name_file("prog.4711.1");
}

static void tear_down(void)
{
	recorded_free(&recorded);
	rmdir(directory);
}

TestSuite(recorder_predecessor, .init = set_up, .fini = tear_down);

/* Hands over so many, of which the kernel takes `sent`. Returns how many there were. */
static size_t hand_over(struct predecessor *taken, size_t count, size_t sent)
{
	struct progress *progress = predecessor_progress(taken);
	uint64_t first = predecessor_first(taken), octets = 0;
	size_t size, done = 0;

	progress_set(progress, first, 0);
	while (done < count && predecessor_message(taken, &size)) {
		predecessor_next(taken);
		octets += done < sent ? FRAME_LENGTH_SIZE + size : 0;
		done++;
	}
	if (octets)
		progress_call(progress, "", 1)->msg_len = octets;
	return done;
}

static size_t left(void)
{
	struct image image = recorded_read(&recorded);
	size_t unsent = image.counts[IMAGE_UNSENT];

	image_free(&image);
	return unsent;
}

Test(recorder_predecessor, is_handed_over_and_goes)
{
	struct predecessor *taken = predecessor_take(&config, 0);

	cr_assert(taken);
	cr_assert_eq(hand_over(taken, SIZE_MAX, MESSAGES), MESSAGES);
	cr_assert_eq(left(), 0);
	predecessor_close(taken, true);
	cr_assert_eq(access(recorded.path, F_OK), -1);
	cr_assert_null(predecessor_take(&config, 0));
}

Test(recorder_predecessor, goes_on_where_another_was)
{
	struct predecessor *taken = predecessor_take(&config, 0);

	cr_assert_eq(hand_over(taken, 3, 2), 3);
	predecessor_close(taken, false);
	cr_assert_eq(left(), MESSAGES - 2, "what was not taken is not sent");
	taken = predecessor_take(&config, 0);
	cr_assert_eq(left(), MESSAGES - 2, "nor by being taken over");
	cr_assert_eq(hand_over(taken, SIZE_MAX, 1), MESSAGES - 2);
	cr_assert_eq(left(), MESSAGES - 3);
	predecessor_close(taken, false);
}

/* Its own process had begun to send, and numbered what it had. */
Test(recorder_predecessor, had_begun_itself)
{
	struct queue *queue = recorded.queue;

	queue_collect(queue, UINT64_MAX);
	for (size_t i = 0; i < MESSAGES; i++)
		queue_sending(queue, queue_event(queue, i), 100);
	progress_set(&recorded.header->progress, 2, 99);
	struct predecessor *taken = predecessor_take(&config, 0);
	cr_assert_eq(left(), MESSAGES - 2);
	cr_assert_eq(hand_over(taken, SIZE_MAX, 0), MESSAGES - 2);
	cr_assert_eq(left(), MESSAGES - 2);
	predecessor_close(taken, false);
}

Test(recorder_predecessor, is_one_processs_at_a_time)
{
	struct predecessor *taken = predecessor_take(&config, 0);

	cr_assert(taken);
	cr_assert_null(predecessor_take(&config, 0));
	predecessor_close(taken, false);
	taken = predecessor_take(&config, 0);
	cr_assert(taken);
	predecessor_close(taken, false);
}

/* Returns whether it was there to be taken. */
static bool die_of_it(void)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(!predecessor_take(&config, 0));
	cr_assert_eq(waitpid(child, &status, 0), child);
	return !status;
}

/* It may be a message in it that kills whoever sends it. */
Test(recorder_predecessor, is_tried_three_times)
{
	struct predecessor *taken;

	cr_assert(die_of_it());
	cr_assert(die_of_it());
	taken = predecessor_take(&config, 0);
	predecessor_close(taken, false); /* lives */
	for (int i = 0; i < 3; i++)
		cr_assert(die_of_it(), "try %d", i);
	cr_assert_not(die_of_it());
	cr_assert_null(predecessor_take(&config, 0));
	cr_assert_eq(left(), MESSAGES, "it is there for recover");
}

Test(recorder_predecessor, is_none_of_others)
{
	about.socket = (char *)"/run/other.sock";
	cr_assert_null(predecessor_take(&config, 0), "another collector");
	about.socket = (char *)"/run/dnstap.sock";
	config.program = (char *)"pro";
	cr_assert_null(predecessor_take(&config, 0), "another program");
	config.program = (char *)"prog";
	cr_assert_eq(chmod(recorded.path, 0620), 0);
	cr_assert_null(predecessor_take(&config, 0), "others may write to it");
	cr_assert_eq(chmod(recorded.path, 0600), 0);
	if (!geteuid()) {
		cr_assert_eq(chown(recorded.path, 1, 1), 0);
		cr_assert_null(predecessor_take(&config, 0), "another's");
		cr_assert_eq(chown(recorded.path, 0, 0), 0);
	}
	struct predecessor *taken = predecessor_take(&config, 0);
	cr_assert(taken);
	predecessor_close(taken, false);
}
