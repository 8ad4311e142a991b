/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the host's memory can be touched before the kernel has looked at it.
 *
 * A bad address makes a system call fail; touched by us it would kill the host.
 * So the kernel is asked once for each page, and a page that it has accepted is
 * known to this process from then on: asking costs half of what sending a datagram
 * does, knowing costs nothing. A host that unmaps a page and hands its address to
 * a later call is not protected: it would have sent an error, or the octets of
 * whatever lies there by then.
 *
 * Async-signal-safe; preserves errno.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define REACH_PAGE 4096 /* the smallest that there is */
#define REACH_BITS 11

/* Beside the address. */
#define REACH_READS  1
#define REACH_WRITES 2

/* The pages that are known: nsd has a hundred queries in turns, each in five pages. Each
 * has a few places, as some of them will fall together. Whoever writes one while another
 * does may undo that: then the kernel is asked again. */
#define REACH_WAYS 4
extern _Atomic uintptr_t reach_page[1 << REACH_BITS][REACH_WAYS];

static inline _Atomic uintptr_t *reach_places(uintptr_t page)
{
	/* Buffers often lie a power of two apart: by the golden ratio they are
	 * spread over all places. */
	return reach_page[(uint64_t)page * 0x9e3779b97f4a7c15 >>
			  (64 - REACH_BITS)];
}

/* Not for callers. */
bool reach_ask_reads(const void *from, size_t size);
bool reach_ask_writes(int fd, void *to, size_t size);

static inline bool reach_knows(const void *at, size_t size, uintptr_t how)
{
	uintptr_t page = (uintptr_t)at & -REACH_PAGE;
	uintptr_t known =
		atomic_load_explicit(reach_places(page), memory_order_relaxed);

	return (uintptr_t)at - page + size <= REACH_PAGE &&
	       size <= REACH_PAGE && (known & -REACH_PAGE) == page &&
	       known & how;
}

/* True if these octets can be read. */
static inline bool reach_reads(const void *from, size_t size)
{
	return reach_knows(from, size, REACH_READS) ||
	       reach_ask_reads(from, size);
}

/* True if they can be read and written. `fd` is any socket. The octets stay as
 * they are, but are written to, so nobody else may be writing there. */
static inline bool reach_writes(int fd, void *to, size_t size)
{
	return reach_knows(to, size, REACH_WRITES) ||
	       reach_ask_writes(fd, to, size);
}

/* True if a vector and all its octets can be read, of which *size is assigned how
 * many. False: *size is how many before the first that cannot. */
bool reach_iovec(const struct iovec *iov, size_t count, size_t *size);
