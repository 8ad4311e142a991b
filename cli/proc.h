/* SPDX-License-Identifier: Apache-2.0
 *
 * What proc(5) says of a process. What is returned is released with free(3), a FILE
 * closed; NULL where it is not there, or not ours to read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

FILE *proc_open(pid_t pid, const char *name);

/* A whole file of the process, NUL-terminated. */
char *proc_read(pid_t pid, const char *name, size_t *size);

char *proc_link(pid_t pid, const char *name);

/* A variable of the environment that it was started with. */
char *proc_variable(pid_t pid, const char *name);

/* Our path for a path of the process, which may have another root. */
char *proc_path(pid_t pid, const char *path);

/* A part of a file in its memory. */
struct proc_mapping {
	uint64_t begin, end, offset;
	char access[5]; /* such as r-xp */
	const char *path;
	bool deleted; /* the file has been replaced or removed since */
};

/* Calls each with every one, in the order of their addresses. Returns 0 or
 * -errno. */
int proc_mappings(pid_t pid,
		  void (*each)(void *context,
			       const struct proc_mapping *mapping),
		  void *context);
