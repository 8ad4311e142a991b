/* SPDX-License-Identifier: Apache-2.0
 *
 * What an earlier process of the same program had captured for the same collector
 * and not sent when it died: it is sent before anything of this one's, as the dead
 * process would have sent it. All of it on the tap's thread.
 *
 * The file's lock says who sends it. How far that has come is noted in the file
 * itself, so that whoever comes after this process, should it die of the same,
 * goes on where it was; and the file goes when all has been sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "shim/tap/transport/progress.h"

struct predecessor;

/* The one that died first of those that nobody has yet taken; NULL: there is none.
 * Files that are of no use are left where they are. */
struct predecessor *predecessor_take(const struct config *config, size_t tap);

/* How far its messages have come is noted there, in numbers behind this one. */
struct progress *predecessor_progress(struct predecessor *predecessor);
uint64_t predecessor_first(const struct predecessor *predecessor);

/* The next Dnstap message to be handed over; NULL: that was the last one. The same
 * until predecessor_next(), to be called before it is handed over. */
const uint8_t *predecessor_message(struct predecessor *predecessor,
				   size_t *size);
void predecessor_next(struct predecessor *predecessor);

/* `all`: every message has been sent, and the file goes. Otherwise it stays for
 * another process. */
void predecessor_close(struct predecessor *predecessor, bool all);
