/* SPDX-License-Identifier: Apache-2.0
 *
 * What capture knows of a message but for its octets.
 */
#pragma once

#include "proto/address.h"
#include "proto/event.h"
#include "shim/capture/capture.h"

/* Fills everything of *event that tells between whom a message of `call` passes;
 * not its size. */
void observed(struct event *event, const struct capture_call *call, bool serves,
	      const struct address *local, const struct address *remote);
