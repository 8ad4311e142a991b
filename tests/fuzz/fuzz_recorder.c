/* SPDX-License-Identifier: Apache-2.0
 *
 * A flight recorder's file: either any octets, or one whose header is good and
 * whose marks, notes, progress and events are anybody's. What is listed of it lies
 * in the image, in order and nowhere twice; what is replayed is dnstap.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dnstap.pb-c.h"
#include "shim/queue/ring.h"
#include "shim/tap/recorder/replay.h"

#define RUNS      2
#define FILE_SIZE (PAGE + RUNS * sizeof(struct run))
#define PAYLOAD   48 /* octets of each that are anybody's; the rest is 0 */

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Takes octets from the input as long as there are any. */
struct input {
	const uint8_t *data;
	size_t size;
};

static void take(struct input *input, void *to, size_t size)
{
	if (size > input->size)
		size = input->size;
	memcpy(to, input->data, size);
	input->data += size;
	input->size -= size;
}

static uint8_t take_octet(struct input *input)
{
	uint8_t octet = 0;

	take(input, &octet, 1);
	return octet;
}

static void fill_header(struct recorder_header *header, struct input *input)
{
	static const char *const texts[] = {
		"dnstap /x full {\n extra \"{/shim/pid} {name} {/a/b}\"\n}\n",
		"dnstap /x {\n anonymize 24 48\n sample 2\n}\n",
		"dnstap /x full {\n anonymize 0 0\n types client-query\n}\n",
		"dnstap",
	};
	const char *text = texts[take_octet(input) % 4];

	recorder_declare(header);
	recorder_shape(header, RUNS, PAGE);
	header->process = 1;
	header->text_size = strlen(text);
	memcpy(header->text, text, strlen(text));
	header->progress.now = take_octet(input);
	take(input, &header->progress.cell[0].frames, 1);
	take(input, &header->progress.cell[0].octets, 2);
	take(input, &header->progress.cell[0].call.msg_len, 2);
}

/* Mostly of two generations, and of states that exist. */
static uint64_t take_mark(struct input *input)
{
	uint8_t octet = take_octet(input);

	return ((uint64_t)(octet >> 6) << INDEX_BITS) | (octet & 63);
}

static void fill_run(struct run *run, struct input *input)
{
	run->notes.generation = take_mark(input);
	take(input, &run->notes.done, sizeof(run->notes.done));
	for (size_t slot = 0; slot < RUN_SLOTS && input->size; slot++) {
		struct event *event = (void *)run->slot[slot];

		run->mark[slot] = take_mark(input);
		run->order[slot] = take_octet(input);
		run->octets[slot] = take_octet(input);
		take(input, &event->size, 3);
		take(input, &event->tail, 2);
		event->slots = slots_for(event_octets(event));
		event->slots += take_octet(input) / 250;
		event->stamp_ns = take_octet(input);
		event->part = take_octet(input) << 8;
		take(input, &event->flags, sizeof(event->flags));
		take(input, event->remote, 2);
		take(input, event->payload, PAYLOAD);
	}
}

static void check_message(const struct image *image, size_t i)
{
	const struct image_message *message = &image->message[i];
	const struct event *event = message->event;
	const uint8_t *end = (const void *)(&image->run[message->run] + 1);

	require(message->run < image->header.runs);
	require((const void *)event ==
		image->run[message->run].slot[message->slot]);
	require(event->size >= EVENT_PAYLOAD_MIN &&
		event->size <= EVENT_SIZE_MAX);
	require(event_octets(event) <= EVENT_OCTETS_MAX);
	require(event->payload + event_octets(event) <= end);
	require((const uint8_t *)event + event->slots * SLOT_SIZE <= end);
	require(!i || image->message[i - 1].event->stamp_ns <= event->stamp_ns);
}

/* Each slot belongs to one message at the most. */
static void check_apart(const struct image *image)
{
	uint64_t *taken = calloc(image->header.runs, sizeof(*taken));

	for (size_t i = 0; i < image->count; i++) {
		const struct image_message *message = &image->message[i];
		uint64_t slots = bits(message->slot, message->event->slots);

		require(!(taken[message->run] & slots));
		taken[message->run] |= slots;
	}
	free(taken);
}

static void check(const struct image *image)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < image->count; i++)
		check_message(image, i);
	check_apart(image);
	for (int state = 0; state < IMAGE_STATES; state++)
		sum += image->counts[state];
	require(sum == image->count);
}

static void replay_all(const struct image *image)
{
	char error[IMAGE_ERROR_MAX];
	struct replay *replay = replay_new(image, "named", error);

	for (size_t i = 0; replay && i < image->count; i++) {
		size_t size;
		const uint8_t *frame = replay_message(replay, i, &size);
		Dnstap__Dnstap *dnstap =
			frame ? dnstap__dnstap__unpack(NULL, size, frame)
			      : NULL;

		require(!frame == !dnstap);
		require(!frame || dnstap->message);
		if (dnstap)
			dnstap__dnstap__free_unpacked(dnstap, NULL);
	}
	replay_free(replay);
}

static void read_all(int fd)
{
	char error[IMAGE_ERROR_MAX] = "";
	struct image image;

	if (image_read(fd, &image, error)) {
		require(*error);
		return;
	}
	check(&image);
	replay_all(&image);
	image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *file;
	static int fd = -1;
	struct input input = { data, size };

	if (fd < 0) {
		fd = memfd_create("recorder", 0);
		require(!ftruncate(fd, FILE_SIZE));
		file = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fd, 0);
	}
	memset(file, 0, FILE_SIZE);
	if (take_octet(&input) % 8) {
		fill_header((struct recorder_header *)file, &input);
		fill_run((struct run *)(file + PAGE), &input);
		fill_run((struct run *)(file + PAGE) + 1, &input);
		read_all(fd);
		return 0;
	}
	/* As it is, in a file that is as long as its header says, or as it. */
	take(&input, file, FILE_SIZE);
	read_all(fd);
	require(!ftruncate(fd, size));
	read_all(fd);
	require(!ftruncate(fd, FILE_SIZE));
	return 0;
}
