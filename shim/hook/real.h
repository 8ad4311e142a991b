/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that the hooks stand in front of.
 *
 * Calls arrive before any constructor of ours has run: from constructors of the
 * host's libraries, from its allocator. Until real_resolve() the table holds
 * plain system calls, which need nothing that may not be there yet.
 */
#pragma once

/* The hooks have libc's names and are to be found under them. */
#pragma GCC visibility push(default)
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#pragma GCC visibility pop

/* Typed by libc's own declarations. */
struct real_table {
#define CALL(name, number, arguments, way) typeof(name) *name;
#define LATE(name)                         typeof(name) *name;
#include "shim/hook/calls.h"
};

extern struct real_table real;

/* The same calls, each made by its number through the real syscall(2): by the
 * named function it would be a cancellation point, and go by whatever other
 * preloaded library stands behind that. */
extern const struct real_table real_by_number;

/* The real function of a LATE call. */
#define real_late(name) \
	(real.name ? real.name : (typeof(name) *)real_find(#name, name))
void *real_find(const char *name, void *hook);

/* Looks every name up behind this library. A name that libc lacks keeps its
 * system call. */
void real_resolve(void);
