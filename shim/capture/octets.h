/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that lie in several pieces.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* A position in an iovec, and how many octets there are from it. */
struct octets {
	const struct iovec *iov;
	size_t skip; /* octets of *iov that are before it */
	size_t left;
	struct iovec front; /* what copies begin with; not counted in left */
};

/* Copies `size` (<= front and left) octets. */
void octets_copy(const struct octets *octets, uint8_t *to, size_t size);

/* Copies and passes, or passes `size` (<= left) octets. */
void octets_take(struct octets *octets, uint8_t *to, size_t size);
void octets_pass(struct octets *octets, size_t size);
