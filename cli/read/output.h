/* SPDX-License-Identifier: Apache-2.0
 *
 * Where read and recover put the messages, and in which form.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/read/format.h"
#include "cli/read/pcap.h"

struct output {
	const char *path;        /* NULL: standard output */
	const struct form *form; /* NULL: not chosen; until output_settle */
	format_fn *format;       /* of a form that is text */
	bool append;
	bool nothing; /* messages are not written at all */
	FILE *file;
	ldns_buffer *text; /* of one message, used again and again */
	struct pcap pcap;
	uint64_t malformed; /* frames that were no Dnstap message */
	uint64_t left_out;  /* messages that the form has no place for */
};

/* Rows of a command's options (cli/command.h). */
#define OUTPUT_FORMS "quiet yaml json flat pcap fstrm"
#define OUTPUT_OPTIONS(title)                                                 \
	OPTION('q', NULL, NULL,                                               \
	       "quiet text, a line a message (default without -w)",           \
	       .heading = title),                                             \
		OPTION('y', NULL, NULL, "YAML"),                              \
		OPTION('j', NULL, NULL, "JSON, an object a line"),            \
		OPTION('o', NULL, "FORM",                                     \
		       "one of these by its name, quiet, yaml or json; or\n"  \
		       "flat (JSON of one level, with qname, qtype, rcode,\n" \
		       "latency), pcap (pcapng), fstrm (Frame Streams)",      \
		       .choices = OUTPUT_FORMS),                              \
		OPTION('w', NULL, "FILE",                                     \
		       "write there; without a form as Frame Streams"),       \
		OPTION('a', NULL, NULL, "append to FILE (text only)")

/* The command line: one of these options, and its value; and what only the
 * whole of it can tell. Both return EX_OK, or complain and return an exit status. */
int output_option(struct output *output, int option, const char *value);
int output_settle(struct output *output);

/* Is the form that was asked for no text? */
bool output_is_binary(const struct output *output);

/* Whether it goes to the regular file of this name, "-": of standard input; and says
 * that that cannot be, and returns the exit status. To be asked before it is opened. */
bool output_is(const struct output *output, const char *name);
int output_refuse(const struct output *output);

/* Opens as path, form and append say. Returns 0 or -errno. */
int output_open(struct output *output);

/* One data frame, and the message in it, or NULL. Malformed ones are counted, and
 * reported at once if they are the first. Returns 0, or -errno when the output
 * fails. */
int output_message(struct output *output, const Dnstap__Dnstap *dnstap,
		   const uint8_t *data, size_t size);

/* The same, of a frame that nobody has read yet. */
int output_frame(struct output *output, const uint8_t *data, size_t size);

int output_flush(struct output *output);

/* Ends the file properly and closes it. Returns 0 or -errno. */
int output_close(struct output *output);

/* Says what was left out or malformed. */
void output_report(const struct output *output);

void output_release(struct output *output);
