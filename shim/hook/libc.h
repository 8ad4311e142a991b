/* SPDX-License-Identifier: Apache-2.0
 *
 * In what the C libraries differ, beside the names that they have (calls.h) and
 * what their headers declare (shim/base/musl.h). Either glibc.c or musl.c is in the
 * library.
 */
#pragma once

#include <stdbool.h>

/* Of recvmmsg(2) and sendmmsg(2). */
#ifndef LIBC_VECTOR_FLAGS
#define LIBC_VECTOR_FLAGS int
#endif

/* What signal(3) and its like make of a handler. */
struct libc_signals {
	int sysv_flags; /* of one that __sysv_signal(3) sets */
	bool masks;     /* signal(3): its own signal is blocked while it runs */
	bool remembers; /* siginterrupt(3) counts for later handlers, too */
};

extern const struct libc_signals libc_signals;

/* Before the others. */
void libc_begin(void);

/* The dynamic linker's own function of this name, or of a library that is preloaded
 * behind this one. To be had before dlsym(3) is. */
void *libc_dl(const char *name);

struct libc_cleanup {
	void *word[4];
};

/* Between these, should the thread be cancelled, routine(call) is called: at once, or
 * when the thread has ended, and then with what it has left. Also behind a jump. */
void libc_cleanup_push(struct libc_cleanup *cleanup, void (*routine)(void *),
		       void *call);
void libc_cleanup_pop(struct libc_cleanup *cleanup);
