/* SPDX-License-Identifier: Apache-2.0
 *
 * Control frames by way of libfstrm.
 */
#include "cli/read/control.h"

#include <errno.h>
#include <stdbool.h>

static const char content_type[] = "protobuf:dnstap.Dnstap";
#define CONTENT_TYPE (const uint8_t *)content_type, sizeof(content_type) - 1

int control_encode(fstrm_control_type type, uint8_t *out)
{
	struct fstrm_control *control = fstrm_control_init();
	size_t size = CONTROL_SIZE_MAX;
	fstrm_res result;

	if (!control)
		return -ENOMEM;
	result = fstrm_control_set_type(control, type);
	if (result == fstrm_res_success && type != FSTRM_CONTROL_STOP &&
	    type != FSTRM_CONTROL_FINISH)
		result = fstrm_control_add_field_content_type(control,
							      CONTENT_TYPE);
	if (result == fstrm_res_success)
		result = fstrm_control_encode(control, out, &size,
					      FSTRM_CONTROL_FLAG_WITH_HEADER);
	fstrm_control_destroy(&control);
	return result == fstrm_res_success ? (int)size : -ENOMEM;
}

/* A frame that names no content type leaves it to the receiver. */
static bool content_fits(const struct fstrm_control *control)
{
	size_t n = 0;

	fstrm_control_get_num_field_content_type(control, &n);
	return n == 0 || fstrm_control_match_field_content_type(
				 control, CONTENT_TYPE) == fstrm_res_success;
}

int control_decode(const uint8_t *data, size_t size)
{
	struct fstrm_control *control = fstrm_control_init();
	fstrm_control_type type;
	int result = -EPROTO;

	if (!control)
		return -ENOMEM;
	if (fstrm_control_decode(control, data, size, 0) == fstrm_res_success &&
	    fstrm_control_get_type(control, &type) == fstrm_res_success)
		result = content_fits(control) ? (int)type : -EPROTOTYPE;
	fstrm_control_destroy(&control);
	return result;
}
