/* SPDX-License-Identifier: Apache-2.0
 *
 * An image's messages as their own tap would have logged them: with its
 * configuration, its process's number and name, and its times.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "shim/tap/recorder/image.h"

struct replay;

/* The image is to stay until replay_free, and is changed. `program`: its name, for
 * templates. Returns NULL, and why in `error`: its configuration is none, or out
 * of memory. */
struct replay *replay_new(const struct image *image, const char *program,
			  char error[IMAGE_ERROR_MAX]);
void replay_free(struct replay *replay);

/* The tap's SOCKET, as it was configured. */
const char *replay_socket(const struct replay *replay);

/*
 * The Dnstap message for message `index`, and its size; NULL: the tap does not log
 * it. Valid until the next call. Each is to be asked for once, in their order, also
 * those that nobody wants to have: a response is known by its query.
 *
 * What the tap had put in the order of sending is always logged. Of the others a
 * tap that samples chooses anew, as the dead process's choice cannot be known.
 */
const uint8_t *replay_message(struct replay *replay, size_t index,
			      size_t *size);
