/* SPDX-License-Identifier: Apache-2.0
 *
 * What entry.S and the C side agree on.
 */
#pragma once

/* System calls of higher numbers are never looked at. */
#define SYSCALL_OBSERVED_SIZE 512

/* In syscall_observed: the call makes a process, and passes straight on. */
#define SYSCALL_VFORKS 255

/* Offsets in the table of real functions, the order of calls.h. */
#define REAL_SYSCALL 0
#define REAL_VFORK   8
#define REAL_CLONE   16
#define REAL_DLOPEN  24
#define REAL_DLSYM   32

#ifndef __ASSEMBLER__
#include <stdint.h>

/* By number: whether observed_syscall is to see it. All zero, and so a plain
 * pass-through, until syscall_observe(). */
extern uint8_t syscall_observed[SYSCALL_OBSERVED_SIZE];

void syscall_observe(void);

/* Has libc's own signature but for the ellipsis, which the calling conventions
 * of x86-64 and aarch64 do not tell apart for integer arguments. */
long observed_syscall(long number, long a, long b, long c, long d, long e,
		      long f);
#endif
