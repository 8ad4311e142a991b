/* SPDX-License-Identifier: Apache-2.0
 *
 * Another configuration in the place of the one in force, or none of it.
 */
#pragma once

#include <stdbool.h>

struct config;
struct control_reply;

/* A configuration's text (release with free), or NULL. */
char *reload_print(const struct config *config);

/*
 * On the thread that serves. Reads the configuration anew, or `text` if that is not
 * empty. What is wrong with it is said, and nothing has changed: false. Else taps that it
 * has as they are go on untouched, others are removed or added, and of each of them a line
 * says so. *in_force (release with free) becomes its text.
 */
bool reload(const char *text, char **in_force, struct control_reply *reply);
