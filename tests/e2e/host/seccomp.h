/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters of system calls, as a sandbox sets them up.
 */
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "host.h"

#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
#define KILL          SECCOMP_RET_KILL_PROCESS

/* By seccomp(2) for all threads, if the environment says TSYNC, or by prctl(2) for
 * this one. */
static inline void seccomp_set(struct sock_fprog *program)
{
	const char *all = getenv("TSYNC");

	MUST(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (all && *all == '1')
		MUST(!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			      SECCOMP_FILTER_FLAG_TSYNC, program));
	else
		MUST(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program));
}

/* `action` for calls of these numbers, up to one that is negative; where
 * `argument` is not -1, only for those with this first argument. */
static inline void seccomp_filter(const int *numbers, int argument,
				  unsigned action)
{
	struct sock_filter filter[256];
	unsigned short n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (; *numbers >= 0; numbers++) {
		unsigned char skip = argument == -1 ? 1 : 4;

		filter[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, *numbers, 0, skip);
		if (argument != -1) {
			filter[n++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS,
				offsetof(struct seccomp_data, args[0]));
			filter[n++] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | BPF_JEQ | BPF_K, argument, 0, 1);
		}
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET, action);
		if (argument != -1)
			filter[n++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS,
				offsetof(struct seccomp_data, nr));
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { n, filter };
	seccomp_set(&program);
}
