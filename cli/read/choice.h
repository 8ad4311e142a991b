/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the messages are wanted: in the words of a tap's filters
 * (dnstapshim.conf(5)). Each message is judged by what itself says.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "dnstap.pb-c.h"

/* All zero: all of them. */
struct choice {
	bool made;
	struct tap_config tap;
	uint32_t every_type; /* tap.types before anything was said of them */
};

/* Adds what a -f says. Returns EX_OK, or complains and returns EX_USAGE. */
int choice_add(struct choice *choice, const char *text);

bool choice_wants(const struct choice *choice, const Dnstap__Message *message);

void choice_release(struct choice *choice);
