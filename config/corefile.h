/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole Corefile in place of its dnstap lines.
 */
#pragma once

#include "config/reader.h"

/* Does a server block begin at this word: an address that is no SOCKET, and
 * behind the line's words a block that begins with no property of a tap? */
bool corefile_at(const struct reader *reader);

/* Says what to leave out, and moves behind the block. */
void corefile_report(struct reader *reader);
