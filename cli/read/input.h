/* SPDX-License-Identifier: Apache-2.0
 *
 * Where messages come from, as the command line says it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/command.h"
#include "cli/read/collector.h"
#include "cli/read/output.h"

struct input_source;

struct input {
	struct input_source *sources;
	size_t n;
	bool follow; /* files that may grow */
	int timeout; /* of a sender's handshake, ms; 0: none */
	mode_t mode; /* of unix sockets */
};

#define INPUT_HANDSHAKE_MS 10000

/* Nothing yet. */
#define INPUT_INIT                                                  \
	(struct input)                                              \
	{                                                           \
		.timeout = INPUT_HANDSHAKE_MS, .mode = (mode_t)(-1) \
	}

/* Rows of a command's options (cli/command.h). */
#define INPUT_OPTIONS(title)                                                \
	OPTION('u', NULL, "PATH",                                           \
	       "collect from senders that connect to this unix socket",     \
	       .heading = title),                                           \
		OPTION('l', NULL, "HOST:PORT",                              \
		       "collect from senders that connect to this TCP "     \
		       "address"),                                          \
		OPTION('c', NULL, "TAP",                                    \
		       "collect from a tap that listens: connect to its "   \
		       "PATH or\n"                                          \
		       "HOST:PORT, again every second if it is not there"), \
		OPTION('r', NULL, "FILE",                                   \
		       "read a Frame Streams file; a - alone: standard "    \
		       "input"),                                            \
		OPTION('F', NULL, NULL,                                     \
		       "do not stop at a FILE's end: wait for more, and "   \
		       "for the files\n"                                    \
		       "that take its place")
#define INPUT_LIMITS(title)                                              \
	OPTION('t', NULL, "TIME",                                        \
	       "give up a sender whose handshake takes longer (10s; 0: " \
	       "never)",                                                 \
	       .heading = title),                                        \
		OPTION('m', NULL, "MODE",                                \
		       "permissions of the unix sockets, in octal")

/* One of these options, and its value. Returns EX_OK, or complains and returns an exit
 * status. */
int input_option(struct input *input, int option, const char *value);

/* A file to be read, or - for standard input. */
int input_file(struct input *input, const char *path);

/* All of them. Returns an exit status; what is wrong has been said. */
int input_open(const struct input *input, struct collector *collector);

/* Of those that listen by now the one that is reached by who connects to the unix
 * socket, or else HOST:PORT, `to`; NULL: none. */
const char *input_reached(const struct input *input, bool path, const char *to);

/* Whether one of them is the file that is to be written. */
bool input_reads(const struct input *input, const struct output *output);

void input_release(struct input *input);
