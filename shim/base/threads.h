/* SPDX-License-Identifier: Apache-2.0
 *
 * What the other threads of the process are at, as proc_pid_task(5) has it.
 */
#pragma once

#include <sys/types.h>

enum threads {
	THREADS_NONE,   /* there are no others but ours */
	THREADS_ASLEEP, /* each waits in the kernel, or is stopped */
	THREADS_AWAKE, /* one runs, or would if it came to, or waits for a disk */
	THREADS_UNKNOWN, /* there is no /proc, or the host's filter is against it */
};

/* Is told of threads that are asleep, and in which system call. The id is of the
 * namespace of /proc. */
typedef void threads_waits(pid_t thread, int number);

/* Of the host's. It costs three system calls a thread, up to the first that is awake,
 * and as many again for one that is asleep if there is somebody to be told.
 * Async-signal-safe; not a cancellation point of a thread that has switched that off.
 */
enum threads threads_look(threads_waits *waits);
