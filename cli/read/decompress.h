/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a file, and what is inside of it if it was compressed by gzip or zstd; by
 * its first octets it is known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct decompress;

/* Returns NULL when out of memory. */
struct decompress *decompress_new(void);
void decompress_free(struct decompress *decompress);

/*
 * As read(2): at most one call of it is made, and none while decompress_pending.
 * Returns the octets; 0 at the end; -EAGAIN if there are none yet; -EBADMSG if the
 * file is damaged or ends too early; -errno of read(2), or -ENOMEM.
 */
ssize_t decompress_read(struct decompress *decompress, int fd, void *out,
			size_t size);

/* For another file. */
void decompress_restart(struct decompress *decompress);

/* Is there more to come without anything being read? */
bool decompress_pending(const struct decompress *decompress);

/* Is it a compressed file, as far as it has been read? */
bool decompress_is_used(const struct decompress *decompress);
