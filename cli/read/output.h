/* SPDX-License-Identifier: Apache-2.0
 *
 * Where read and recover put the messages: text, or a Frame Streams file.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/read/format.h"

struct output {
	const char *path;  /* NULL: standard output */
	format_fn *format; /* NULL: Frame Streams */
	bool append;
	FILE *file;
	ldns_buffer *text;  /* of one message, used again and again */
	uint64_t malformed; /* frames that were no Dnstap message */
};

/* Rows of a command's options (cli/command.h). */
#define OUTPUT_OPTIONS(title)                                                 \
	OPTION('q', NULL, NULL,                                               \
	       "quiet text, a line a message (default without -w)",           \
	       .heading = title),                                             \
		OPTION('y', NULL, NULL, "YAML"),                              \
		OPTION('j', NULL, NULL, "JSON, an object a line"),            \
		OPTION('w', NULL, "FILE",                                     \
		       "write there; without -q, -y or -j as Frame Streams"), \
		OPTION('a', NULL, NULL, "append to FILE (text only)")

/* The command line: one of these options, and its value; and what only the
 * whole of it can tell. Both return EX_OK, or complain and return an exit status. */
int output_option(struct output *output, int option, const char *value);
int output_settle(struct output *output);

/* Opens as path, format and append say. Returns 0 or -errno. */
int output_open(struct output *output);

/* One data frame. Malformed ones are counted, and reported at once if they are
 * the first. Returns 0, or -errno when the output fails. */
int output_frame(struct output *output, const uint8_t *data, size_t size);

int output_flush(struct output *output);

/* Ends the file properly and closes it. Returns 0 or -errno. */
int output_close(struct output *output);
