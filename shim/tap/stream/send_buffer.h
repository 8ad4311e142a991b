/* SPDX-License-Identifier: Apache-2.0
 *
 * Data frames on their way out: a buffer that outlives the connection, so that
 * a frame that was cut in two is sent again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct send_buffer {
	uint8_t *data;
	/* Frames: written up to `at`; those before `whole` wholly so. */
	size_t whole, at, end;
	uint64_t frames; /* not wholly written */
};

/* All zero in the beginning: memory is mapped for the first frame. */
void send_buffer_end(struct send_buffer *send_buffer);

/* Room for a frame of up to `size` octets, or NULL: none until frames have been
 * written, or no memory. */
uint8_t *send_buffer_reserve(struct send_buffer *send_buffer, size_t size);
void send_buffer_commit(struct send_buffer *send_buffer, size_t size);

/* What is to be written next, in *octets; returns how much of it: whole frames
 * that `room` octets can hold, the first one in any case if `first`. */
size_t send_buffer_next(const struct send_buffer *send_buffer, uint64_t room,
			bool first, const uint8_t **octets);

/* `size` more octets have been written. Returns how many frames these complete
 * and adds their octets, with their lengths, to *octets. */
size_t send_buffer_written(struct send_buffer *send_buffer, size_t size,
			   uint64_t *octets);

/* Goes back to the beginning of a frame that has been cut in two. Returns how
 * much of it had been written. */
size_t send_buffer_rewind(struct send_buffer *send_buffer);

/* Forgets every frame. */
void send_buffer_discard(struct send_buffer *send_buffer);
