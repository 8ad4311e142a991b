/* SPDX-License-Identifier: Apache-2.0
 *
 * From the message that a program gives to the event that it is in the queue; pure.
 */
#pragma once

#include <sys/uio.h>

#include "proto/event.h"
#include "proto/given.h"
#include "shim/api/api.h"

struct api_message {
	struct event seen; /* but for its stamp */
	struct given head;
	struct iovec payload, tail[1 + GIVEN_PARTS];
	char metadata[DNSTAPSHIM_METADATA_MAX];
};

/* Points into *message and `pairs`. Returns 0, -EINVAL or -EMSGSIZE, as
 * dnstapshim_tap_message_with_metadata does. */
int api_message_read(struct api_message *read,
		     const struct dnstapshim_message *message,
		     const struct dnstapshim_pair *pairs, size_t n);
