/* SPDX-License-Identifier: Apache-2.0
 *
 * Output of read.
 */
#include "cli/read/output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/read/dnstap.h"
#include "proto/common.h"
#include "shim/tap/stream/frame.h"

/* A form of which a message is a text has no functions of its own. */
struct form {
	const char *name;
	char letter; /* of the option that stands for it, or 0 */
	format_fn *format;
	int (*begin)(struct output *output);
	int (*message)(struct output *output, const Dnstap__Dnstap *dnstap,
		       const uint8_t *data, size_t size);
	int (*end)(struct output *output);
};

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

/* Frame Streams */

static int write_control(struct output *output, fstrm_control_type type)
{
	uint8_t frame[FRAME_CONTROL_SIZE];
	size_t size = frame_control(type, frame);

	return size ? write_all(output, frame, size) : -ENOMEM;
}

static int begin_frames(struct output *output)
{
	return write_control(output, FSTRM_CONTROL_START);
}

static int write_frame(struct output *output, const Dnstap__Dnstap *dnstap,
		       const uint8_t *data, size_t size)
{
	const uint8_t length[] = { size >> 24, size >> 16, size >> 8, size };
	int error = write_all(output, length, sizeof(length));

	(void)dnstap;
	return error ? error : write_all(output, data, size);
}

static int end_frames(struct output *output)
{
	return write_control(output, FSTRM_CONTROL_STOP);
}

/* pcapng */

static int begin_packets(struct output *output)
{
	return pcap_begin(&output->pcap, output->file);
}

static int write_packet(struct output *output, const Dnstap__Dnstap *dnstap,
			const uint8_t *data, size_t size)
{
	int error = pcap_message(&output->pcap, dnstap, output->file);

	(void)data, (void)size;
	if (error != -EBADMSG)
		return error;
	output->left_out++;
	return 0;
}

/* Text */

static int write_text(struct output *output, const Dnstap__Dnstap *dnstap)
{
	ldns_buffer_clear(output->text);
	output->format(output->text, dnstap);
	return write_all(output, ldns_buffer_begin(output->text),
			 ldns_buffer_position(output->text));
}

/* Frame Streams last: they alone need not be read. */
static const struct form forms[] = {
	{ "quiet", 'q', format_quiet, NULL, NULL, NULL },
	{ "yaml", 'y', format_yaml, NULL, NULL, NULL },
	{ "json", 'j', format_json, NULL, NULL, NULL },
	{ "flat", 0, format_flat, NULL, NULL, NULL },
	{ "pcap", 0, NULL, begin_packets, write_packet, NULL },
	{ "fstrm", 0, NULL, begin_frames, write_frame, end_frames },
};

#define QUIET         (&forms[0])
#define FRAME_STREAMS (&forms[ARRAY_SIZE(forms) - 1])

/* The command line */

static int set_form(struct output *output, const struct form *form)
{
	if (output->form && output->form != form)
		return cli_usage("'%s' and '%s': give one form only",
				 output->form->name, form->name);
	output->form = form;
	return EX_OK;
}

static int set_form_named(struct output *output, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (!strcmp(forms[i].name, name))
			return set_form(output, &forms[i]);
	return cli_usage("-o wants one of " OUTPUT_FORMS ", not '%s'", name);
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
	case 'o':
		return set_form_named(output, value);
	default:
		for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
			if (forms[i].letter == option)
				return set_form(output, &forms[i]);
		return EX_OK;
	}
}

int output_settle(struct output *output)
{
	if (output->append && !output->path)
		return cli_usage("-a needs a file to append to: -w FILE");
	if (!output->form)
		output->form = output->path ? FRAME_STREAMS : QUIET;
	output->format = output->form->format;
	if (output->append && !output->format)
		return cli_usage(
			"-a goes with text only: give -q, -y, -j or -o "
			"flat, or another FILE than '%s'",
			output->path);
	if (!output->path && !output->format && isatty(STDOUT_FILENO))
		return cli_usage(
			"-o %s is nothing for a terminal: give -w FILE",
			output->form->name);
	if (!output->path && output->format == format_quiet &&
	    cli_colour(stdout))
		output->format = format_quiet_colour;
	return EX_OK;
}

bool output_is_binary(const struct output *output)
{
	return output->form && !output->form->format;
}

/* The file */

bool output_is(const struct output *output, const char *name)
{
	struct stat to, from;

	if (output->nothing || (output->path ? stat(output->path, &to)
					     : fstat(STDOUT_FILENO, &to)))
		return false;
	return S_ISREG(to.st_mode) &&
	       !(strcmp(name, "-") ? stat(name, &from)
				   : fstat(STDIN_FILENO, &from)) &&
	       to.st_dev == from.st_dev && to.st_ino == from.st_ino;
}

int output_refuse(const struct output *output)
{
	return cli_usage("%s: it is read, and would be written over",
			 output->path ? output->path : "standard output");
}

int output_open(struct output *output)
{
	if (output->nothing)
		return 0;
	if (!output->text)
		output->text = ldns_buffer_new(16384);
	if (!output->text)
		return -ENOMEM;
	output->file =
		output->path ? fopen(output->path, output->append ? "ae" : "we")
			     : stdout;
	if (!output->file)
		return -errno;
	return output->form->begin ? output->form->begin(output) : 0;
}

static void count_malformed(struct output *output, size_t size)
{
	if (output->malformed++ == 0)
		cli_warn("a frame of %zu octets holds no dnstap message; "
			 "such frames are counted and left out",
			 size);
}

int output_message(struct output *output, const Dnstap__Dnstap *dnstap,
		   const uint8_t *data, size_t size)
{
	if (!dnstap)
		count_malformed(output, size);
	if (!dnstap || output->nothing)
		return 0;
	if (output->format)
		return write_text(output, dnstap);
	return output->form->message(output, dnstap, data, size);
}

int output_frame(struct output *output, const uint8_t *data, size_t size)
{
	Dnstap__Dnstap *dnstap;
	int error;

	if (output->form == FRAME_STREAMS && !output->nothing)
		return write_frame(output, NULL, data, size);
	dnstap = dnstap_read(data, size);
	error = output_message(output, dnstap, data, size);
	dnstap_free(dnstap);
	return error;
}

int output_flush(struct output *output)
{
	return output->file ? result(output, fflush(output->file) == 0) : 0;
}

int output_close(struct output *output)
{
	int error = 0, closed;

	if (!output->file)
		return 0;
	if (output->form->end)
		error = output->form->end(output);
	/* Others may write there yet; of its error the caller is told. */
	if (output->file == stdout) {
		closed = output_flush(output);
		clearerr(stdout);
	} else {
		closed = fclose(output->file) ? -errno : 0;
	}
	output->file = NULL;
	return error ? error : closed;
}

void output_report(const struct output *output)
{
	if (output->malformed > 0)
		cli_warn("%" PRIu64 " frames held no dnstap message",
			 output->malformed);
	if (output->left_out > 0)
		cli_warn("%" PRIu64
			 " messages have no place in a %s file: they "
			 "were logged without their octets, or without an "
			 "address",
			 output->left_out, output->form->name);
}

void output_release(struct output *output)
{
	ldns_buffer_free(output->text);
	pcap_release(&output->pcap);
}
