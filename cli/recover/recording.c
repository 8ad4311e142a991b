/* SPDX-License-Identifier: Apache-2.0
 *
 * From a file to frames, and the line that is said of it.
 */
#include "cli/recover/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "shim/base/clock.h"
#include "shim/tap/recorder/replay.h"

/* Of those that the tap logs. */
struct tally {
	uint64_t logged[IMAGE_STATES];
	uint64_t left_out;
};

static int refuse(const struct recording *recording, int code,
		  const char *error)
{
	cli_warn("%s: %s%s", recording->path, error,
		 code == -EBUSY ? "; --live shows what it has just now" : "");
	switch (code) {
	case -EINVAL:
	case -ENODATA:
		return EX_DATAERR;
	case -ENOMEM:
		return EX_OSERR;
	case -EBUSY:
		return EX_TEMPFAIL;
	default:
		return cli_no_input(code);
	}
}

static bool is_wanted(const struct recording *recording,
		      const struct image_message *message)
{
	return recording->all || message->state == IMAGE_UNSENT;
}

static void pass(struct recording *recording, const struct image *image,
		 struct replay *replay, struct tally *tally)
{
	for (size_t i = 0; i < image->count; i++) {
		const struct image_message *message = &image->message[i];
		size_t size;
		const uint8_t *frame = replay_message(replay, i, &size);

		if (!frame) {
			tally->left_out++;
			continue;
		}
		tally->logged[message->state]++;
		if (is_wanted(recording, message) && !recording->error)
			recording->error = recording->frame(recording->context,
							    frame, size);
	}
	recording->complete = !recording->error;
}

static void print_count(FILE *out, const char *between, uint64_t count,
			const char *what)
{
	if (count)
		fprintf(out, "%s%" PRIu64 " %s", between, count, what);
}

static void print_time(FILE *out, const struct image *image)
{
	char text[CLOCK_TEXT_MAX];

	if (!image->count) {
		fputs("nothing recorded", out);
		return;
	}
	clock_print(
		text,
		image_wall(image,
			   image->message[image->count - 1].event->stamp_ns));
	fprintf(out, "last message %s", text);
}

static void print_tally(FILE *out, const struct recording *recording,
			const struct image *image, const struct tally *tally)
{
	fprintf(out, "; %" PRIu64 " not sent", tally->logged[IMAGE_UNSENT]);
	print_count(out, ", ", tally->logged[IMAGE_SENT],
		    "sent and still there");
	print_count(out, ", ", tally->logged[IMAGE_DEPARTING],
		    "in the call that sends it (nobody knows if it left)");
	print_count(out, ", ", image->torn, "torn");
	print_count(out, ", ", image->damaged, "damaged");
	print_count(out, ", ", tally->left_out, "not for this tap's log");
	if (!recording->all &&
	    tally->logged[IMAGE_SENT] + tally->logged[IMAGE_DEPARTING])
		fputs("; --all shows all", out);
}

/* One line. */
static void report(const struct recording *recording, const struct image *image,
		   const char *program, const struct tally *tally)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	fprintf(out, "%s, process %d, %s", program, image->header.process,
		recording->hold == RECORDERS_WATCH ? "as of now, " : "");
	print_time(out, image);
	print_tally(out, recording, image, tally);
	if (!fclose(out))
		cli_warn("%s: %s", recording->path, text);
	free(text);
}

static int show(struct recording *recording, const struct image *image,
		char error[IMAGE_ERROR_MAX])
{
	struct tally tally = { 0 };
	char *program = recorders_program(recording->path);
	struct replay *replay =
		program ? replay_new(image, program, error) : NULL;

	if (replay) {
		pass(recording, image, replay, &tally);
		report(recording, image, program, &tally);
	}
	replay_free(replay);
	free(program);
	if (!program)
		return cli_no_memory();
	return replay ? EX_OK : refuse(recording, -EINVAL, error);
}

int recording_read(struct recording *recording)
{
	char error[IMAGE_ERROR_MAX] = "";
	struct image image;
	int status, result;

	recording->error = 0;
	recording->complete = false;
	recording->fd = recorders_open(recording->path, recording->hold, error);
	if (recording->fd < 0) {
		result = recording->fd;
		recording->fd = -1;
		return refuse(recording, result, error);
	}
	result = image_read(recording->fd, &image, error);
	if (result)
		return refuse(recording, result, error);
	status = show(recording, &image, error);
	if (image.damaged)
		recording->complete = false;
	image_free(&image);
	return status;
}
