/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator may ask of this process, or have it do. dnstapshim(1) has the
 * commands; tap/control.h has the way that they take.
 */
#pragma once

#include <stddef.h>

struct control_reply;

/* In the constructor. */
void command_begin(void);

/* What the configuration says may have any octets in it; a line has one end. */
void command_say_line(struct control_reply *reply, const char *key,
		      const char *value);

/* Has a tap's thread come round, whatever it waits for. */
void command_wake(size_t tap);
