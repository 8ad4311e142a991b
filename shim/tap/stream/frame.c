/* SPDX-License-Identifier: Apache-2.0
 *
 * Control frames by way of libfstrm.
 */
#include "shim/tap/stream/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define CONTENT_TYPE "protobuf:dnstap.Dnstap"

static bool bears_content_type(fstrm_control_type type)
{
	return type != FSTRM_CONTROL_STOP && type != FSTRM_CONTROL_FINISH;
}

size_t frame_control(fstrm_control_type type, uint8_t *out)
{
	struct fstrm_control *control = fstrm_control_init();
	size_t size = FRAME_CONTROL_SIZE;

	if (!control)
		return 0;
	fstrm_control_set_type(control, type);
	if (bears_content_type(type))
		fstrm_control_add_field_content_type(
			control, (const uint8_t *)CONTENT_TYPE,
			strlen(CONTENT_TYPE));
	if (fstrm_control_encode(control, out, &size,
				 FSTRM_CONTROL_FLAG_WITH_HEADER) !=
	    fstrm_res_success)
		size = 0;
	fstrm_control_destroy(&control);
	return size;
}

/* A frame without a content type leaves it to the other side. */
static int decode(struct fstrm_control *control, const uint8_t *in, size_t size)
{
	fstrm_control_type type = 0;

	if (fstrm_control_decode(control, in, size,
				 FSTRM_CONTROL_FLAG_WITH_HEADER) !=
		    fstrm_res_success ||
	    fstrm_control_get_type(control, &type) != fstrm_res_success)
		return -EPROTO;
	if (bears_content_type(type) &&
	    fstrm_control_match_field_content_type(
		    control, (const uint8_t *)CONTENT_TYPE,
		    strlen(CONTENT_TYPE)) != fstrm_res_success)
		return -EPROTOTYPE;
	return (int)type;
}

int frame_type(const uint8_t *in, size_t in_size, size_t *size)
{
	uint32_t word[2];
	int type;

	if (in_size < sizeof(word))
		return 0;
	memcpy(word, in, sizeof(word));
	size_t whole = sizeof(word) + ntohl(word[1]);
	if (word[0] || whole < sizeof(word) + FRAME_LENGTH_SIZE ||
	    whole > FRAME_CONTROL_MAX)
		return -EPROTO;
	if (in_size < whole)
		return 0;

	struct fstrm_control *control = fstrm_control_init();
	if (!control)
		return -ENOMEM;
	type = decode(control, in, whole);
	fstrm_control_destroy(&control);
	if (type > 0)
		*size = whole;
	return type;
}

size_t frame_size(const uint8_t *in)
{
	uint32_t length;

	memcpy(&length, in, sizeof(length));
	return FRAME_LENGTH_SIZE + ntohl(length);
}
