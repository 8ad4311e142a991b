/* SPDX-License-Identifier: Apache-2.0
 *
 * For those who make a process another program by a system call.
 */
#pragma once

#include <stdbool.h>

/* Arguments of execveat(2). Sends what was captured, if the call may be expected
 * to succeed, and there is anything. True: should it fail, runtime_resume(). */
bool exec_pause(int directory, const char *path, int flags);
