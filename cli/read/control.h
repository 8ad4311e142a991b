/* SPDX-License-Identifier: Apache-2.0
 *
 * Control frames of Frame Streams, as a receiver needs them.
 */
#pragma once

#include <fstrm.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_SIZE_MAX (8 + FSTRM_CONTROL_FRAME_LENGTH_MAX)

/* Writes a whole control frame at `out` (CONTROL_SIZE_MAX octets); START, READY
 * and ACCEPT name dnstap's content type. Returns its octets, or -ENOMEM. */
int control_encode(fstrm_control_type type, uint8_t *out);

/* Reads a control frame without its escape and length. Returns its type; or
 * -EPROTO if it is malformed; or -EPROTOTYPE if it wants another content type
 * than dnstap's; or -ENOMEM. */
int control_decode(const uint8_t *data, size_t size);
