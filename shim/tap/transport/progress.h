/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a stream of frames has come, noted where a crash cannot take it away.
 *
 * A process may be killed in the midst of a call that writes, behind which it would
 * have noted what was taken. So the note is the kernel's: sendmmsg(2) writes
 * msg_len before it returns, also to a process that is about to die.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

struct progress_cell {
	uint64_t frames; /* wholly taken, of all there ever were */
	uint64_t octets; /* and of the one behind them, with its length */
	/* More of those, by the latest call. */
	struct mmsghdr call;
	struct iovec data;
};

/* All zero in the beginning. */
struct progress {
	_Atomic uint32_t now; /* the cell that holds; the other may be torn */
	struct progress_cell cell[2];
};

/* So far it has come by now. */
static inline void progress_set(struct progress *progress, uint64_t frames,
				uint64_t octets)
{
	uint32_t next = !atomic_load(&progress->now);

	progress->cell[next] =
		(struct progress_cell){ .frames = frames, .octets = octets };
	atomic_store(&progress->now, next);
}

/* For sendmmsg(2), once, then progress_set. */
static inline struct mmsghdr *progress_call(struct progress *progress,
					    const void *data, size_t size)
{
	struct progress_cell *cell =
		&progress->cell[atomic_load(&progress->now) & 1];

	cell->data = (struct iovec){ (void *)data, size };
	cell->call.msg_hdr =
		(struct msghdr){ .msg_iov = &cell->data, .msg_iovlen = 1 };
	return &cell->call;
}
