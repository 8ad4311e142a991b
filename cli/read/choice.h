/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the messages are wanted: in the words of a tap's filters
 * (dnstapshim.conf(5)). Each message is judged by what itself says.
 */
#pragma once

#include <stdbool.h>

#include "cli/command.h"
#include "config/config.h"
#include "dnstap.pb-c.h"

/* All zero: all of them. */
struct choice {
	bool made;
	struct tap_config tap;
	uint32_t every_type; /* tap.types before anything was said of them */
};

/* A row of a command's options (cli/command.h). */
#define CHOICE_OPTION(title)                                             \
	OPTION('f', NULL, "FILTER",                                      \
	       "only what it lets pass, as 'rcode SERVFAIL; not name "   \
	       "*.test':\n"                                              \
	       "the filters of dnstapshim.conf(5); all -f have to hold", \
	       .heading = title)

/* Adds what a -f says. Returns EX_OK, or complains and returns EX_USAGE. */
int choice_add(struct choice *choice, const char *text);

bool choice_wants(const struct choice *choice, const Dnstap__Message *message);

void choice_release(struct choice *choice);
