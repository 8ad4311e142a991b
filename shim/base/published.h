/* SPDX-License-Identifier: Apache-2.0
 *
 * Words that one thread writes from time to time, and others read: all of one
 * moment. Neither waits for a lock.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How many words a structure takes. */
#define PUBLISHED_WORDS(type) ((sizeof(type) + 7) / 8)

/* All zero: zeroes were published. */
struct published {
	_Atomic uint64_t sequence; /* odd: being written */
};

/* `size` octets, of which `words` has room. By one thread at a time. */
void published_write(struct published *published, _Atomic uint64_t *words,
		     const void *from, size_t size);

/* What was written last. */
void published_read(struct published *published, _Atomic uint64_t *words,
		    void *to, size_t size);
