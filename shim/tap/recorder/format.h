/* SPDX-License-Identifier: Apache-2.0
 *
 * The flight recorder's file: a header, then the runs of a tap's queue as they are
 * in memory (queue/ring.h). It is mapped into the process that is tapped, so that
 * whatever its threads have written is there, however the process ended.
 *
 * Which slots hold a message, and which are torn, say the marks: every slot of a
 * run has one, with the generation in which the run was used. Which messages have
 * been sent say the notes of their run, if their generation is the mark's, together
 * with `progress`:
 *
 *	done                           sent, or it was not to be
 *	order: n > 0                   the n-th message in the order of sending:
 *	                               sent if progress has come so far
 *	neither, or another generation not sent yet
 *
 * It is read on the machine that wrote it, by the version that wrote it: the header
 * says of which shape everything is, and whoever reads another refuses it.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "shim/tap/transport/progress.h"

#define RECORDER_MAGIC  "dnstapFR" /* 8 octets, without a NUL */
#define RECORDER_FORMAT 2

/* A file's name: PROGRAM.PID.TAP; TAP counts from 1. */

struct recorder_header {
	char magic[8];
	uint32_t format;
	uint32_t header_size; /* of this structure */
	uint32_t run_size, run_slots, slot_size;
	uint32_t runs;
	uint64_t runs_offset; /* of run 0: whole pages */
	uint64_t size;        /* of the file: it ends with the last run */
	uint32_t tap; /* which one, from 0 on, of those in the process */
	int32_t process;

	/* So many have begun to send what is unsent, and died. */
	uint32_t tries;

	/* The wall time of a stamp is stamp + wall_offset_ns, modulo 2^64. */
	_Atomic uint64_t wall_offset_ns;

	struct progress progress;

	/* The tap's configuration, for config_load, with everything that its
	 * messages need to be logged; at this place, without a NUL. */
	uint32_t text_size;
	char text[];
};

/* Says that the file is of this build's shape. */
void recorder_shape(struct recorder_header *header, uint32_t runs,
		    uint64_t runs_offset);

/* At last: before, there is nothing to be read. */
static inline void recorder_declare(struct recorder_header *header)
{
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(header->magic, RECORDER_MAGIC, sizeof(header->magic));
}
