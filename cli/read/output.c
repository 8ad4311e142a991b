/* SPDX-License-Identifier: Apache-2.0
 *
 * Output of read.
 */
#include "cli/read/output.h"

#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "shim/tap/stream/frame.h"

static int set_format(struct output *output, format_fn *format)
{
	if (output->format && output->format != format)
		return cli_usage("give only one of -q, -y and -j");
	output->format = format;
	return EX_OK;
}

int output_option(struct output *output, int option, const char *value)
{
	switch (option) {
	case 'w':
		output->path = strcmp(value, "-") ? value : NULL;
		return EX_OK;
	case 'a':
		output->append = true;
		return EX_OK;
	case 'q':
		return set_format(output, format_quiet);
	case 'y':
		return set_format(output, format_yaml);
	default:
		return set_format(output, format_json);
	}
}

int output_settle(struct output *output)
{
	if (output->append && !output->path)
		return cli_usage("-a needs a file to append to: -w FILE");
	if (output->append && !output->format)
		return cli_usage("-a goes with text only: give -q, -y or -j, "
				 "or another FILE");
	if (!output->path && !output->format)
		output->format = format_quiet;
	if (!output->path && output->format == format_quiet &&
	    cli_colour(stdout))
		output->format = format_quiet_colour;
	return EX_OK;
}

static int result(const struct output *output, bool good)
{
	if (good && !ferror(output->file))
		return 0;
	return errno ? -errno : -EIO;
}

static int write_all(struct output *output, const void *data, size_t size)
{
	return result(output, fwrite(data, 1, size, output->file) == size);
}

static int write_control(struct output *output, fstrm_control_type type)
{
	uint8_t frame[FRAME_CONTROL_SIZE];
	size_t size = frame_control(type, frame);

	return size ? write_all(output, frame, size) : -ENOMEM;
}

int output_open(struct output *output)
{
	if (!output->text)
		output->text = ldns_buffer_new(16384);
	if (!output->text)
		return -ENOMEM;
	output->file =
		output->path ? fopen(output->path, output->append ? "ae" : "we")
			     : stdout;
	if (!output->file)
		return -errno;
	return output->format ? 0 : write_control(output, FSTRM_CONTROL_START);
}

/* What the schema leaves optional, but nothing can be shown without. */
static bool has_message(const Dnstap__Dnstap *dnstap)
{
	return dnstap && dnstap->type == DNSTAP__DNSTAP__TYPE__MESSAGE &&
	       dnstap->message;
}

static int write_text(struct output *output, const uint8_t *data, size_t size)
{
	Dnstap__Dnstap *dnstap = dnstap__dnstap__unpack(NULL, size, data);
	bool good = has_message(dnstap);

	ldns_buffer_clear(output->text);
	if (good)
		output->format(output->text, dnstap);
	else if (output->malformed++ == 0)
		cli_warn("a frame of %zu octets holds no dnstap message; "
			 "such frames are counted and left out",
			 size);
	if (dnstap)
		dnstap__dnstap__free_unpacked(dnstap, NULL);
	return write_all(output, ldns_buffer_begin(output->text),
			 ldns_buffer_position(output->text));
}

int output_frame(struct output *output, const uint8_t *data, size_t size)
{
	const uint8_t length[] = { size >> 24, size >> 16, size >> 8, size };
	int error;

	if (output->format)
		return write_text(output, data, size);
	error = write_all(output, length, sizeof(length));
	return error ? error : write_all(output, data, size);
}

int output_flush(struct output *output)
{
	return result(output, fflush(output->file) == 0);
}

int output_close(struct output *output)
{
	int error = 0, closed;

	if (!output->file)
		return 0;
	if (!output->format)
		error = write_control(output, FSTRM_CONTROL_STOP);
	closed = fclose(output->file) ? -errno : 0;
	output->file = NULL;
	return error ? error : closed;
}
