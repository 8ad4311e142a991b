/* SPDX-License-Identifier: Apache-2.0
 *
 * What may come in one direction of a connection, before any of it is looked at:
 * STREAM_MAY_* of stream.h.
 */
#pragma once

#include "shim/capture/capture.h"

/* Next, and where the connection begins. */
uint8_t expect(const struct capture_call *call);
uint8_t expect_first(const struct capture_call *call);

/* Whose header introduces a connection: anybody's, unless this says otherwise, before
 * capture begins. The list must stay. */
void expect_proxies(const struct proxies *proxies);
