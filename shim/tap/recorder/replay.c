/* SPDX-License-Identifier: Apache-2.0
 *
 * The dead tap's annotator and encoder, once more.
 */
#include "shim/tap/recorder/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proto/encode.h"
#include "shim/tap/annotate/annotate.h"

struct replay {
	const struct image *image;
	struct config *config;
	struct annotator *annotator;
	struct encoder *encoder;
	uint8_t *frame; /* room for the longest */
};

static int no_memory(char error[IMAGE_ERROR_MAX])
{
	snprintf(error, IMAGE_ERROR_MAX, "out of memory");
	return -ENOMEM;
}

/* A value that begins with a slash would name a file: no text does that begins
 * with a newline. */
static char *as_text(const struct image *image)
{
	char *text = malloc(image->header.text_size + 2);

	if (text) {
		text[0] = '\n';
		strcpy(text + 1, image->text);
	}
	return text;
}

static int load(struct replay *replay, char error[IMAGE_ERROR_MAX])
{
	struct config_error *errors = NULL;
	char *text = as_text(replay->image);
	const struct config_env env = { .config = text };
	int result =
		text ? config_load(&env, &replay->config, &errors) : -ENOMEM;

	free(text);
	if (result == -ENOMEM)
		return no_memory(error);
	if (!result && replay->config->n_taps == 1)
		return 0;
	snprintf(error, IMAGE_ERROR_MAX,
		 "has no configuration of one tap in it, but: %.128s",
		 errors ? errors->text : "none, or several");
	config_errors_free(errors);
	return -EINVAL;
}

static size_t longest_frame(const struct encoder *encoder)
{
	return encoder_bound(encoder, EVENT_SIZE_MAX,
			     ANNOTATE_EXTRA_MAX + UINT16_MAX);
}

static int equip(struct replay *replay, const char *program,
		 char error[IMAGE_ERROR_MAX])
{
	const struct tap_config *tap = replay->config->taps;
	const struct extra_constants dead = {
		.pid = replay->image->header.process,
		.program = program,
	};

	replay->annotator = annotator_new_after(tap, &dead);
	replay->encoder = encoder_new(tap->identity, tap->version, tap->full);
	if (replay->annotator && replay->encoder)
		replay->frame = malloc(longest_frame(replay->encoder));
	return replay->frame ? 0 : no_memory(error);
}

struct replay *replay_new(const struct image *image, const char *program,
			  char error[IMAGE_ERROR_MAX])
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay) {
		no_memory(error);
		return NULL;
	}
	replay->image = image;
	if (!load(replay, error) && !equip(replay, program, error))
		return replay;
	replay_free(replay);
	return NULL;
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	encoder_free(replay->encoder);
	annotator_free(replay->annotator);
	config_free(replay->config);
	free(replay->frame);
	free(replay);
}

const char *replay_socket(const struct replay *replay)
{
	return replay->config->taps->socket;
}

const uint8_t *replay_message(struct replay *replay, size_t index, size_t *size)
{
	const struct image_message *message = &replay->image->message[index];
	const struct clock_pair clocks = {
		.wall_ns = replay->image->header.wall_offset_ns,
	};
	struct record record;

	annotator_trust(replay->annotator, message->order);
	if (annotate(replay->annotator, message->event, &clocks, ASIDE_NONE,
		     &record) != ANNOTATE_LOG)
		return NULL;
	*size = encoder_pack(replay->encoder, &record, replay->frame);
	return replay->frame;
}
