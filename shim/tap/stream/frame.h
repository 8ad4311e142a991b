/* SPDX-License-Identifier: Apache-2.0
 *
 * Frame Streams control frames, with the escape and the length before them.
 */
#pragma once

#include <fstrm.h>
#include <stddef.h>
#include <stdint.h>

/* A data frame is its length in so many octets, and what that says. */
#define FRAME_LENGTH_SIZE 4

/* What frame_control writes at the most, and a frame_type accepts. */
#define FRAME_CONTROL_SIZE 64
#define FRAME_CONTROL_MAX  (8 + FSTRM_CONTROL_FRAME_LENGTH_MAX)

/* Writes a control frame, with dnstap's content type where the type bears one,
 * to `out` of FRAME_CONTROL_SIZE octets. Returns its size, 0: out of memory. */
size_t frame_control(fstrm_control_type type, uint8_t *out);

/* Reads the control frame at the head of `in`. Returns its type and *size; 0 if
 * it is not whole yet; -EPROTO if it is none; -EPROTOTYPE if it is for another
 * content type; -ENOMEM. */
int frame_type(const uint8_t *in, size_t in_size, size_t *size);

/* Octets of the data frame at `in`, with its length. */
size_t frame_size(const uint8_t *in);
