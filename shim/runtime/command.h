/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator may ask of this process, or have it do. dnstapshim(1) has the
 * commands; tap/control.h has the way that they take.
 */
#pragma once

#include <stdbool.h>

/* In the constructor. */
void command_begin(void);
