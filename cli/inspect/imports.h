/* SPDX-License-Identifier: Apache-2.0
 *
 * Which calls that can carry DNS messages a program and its libraries import.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPORTS_MODULES_MAX 1024

/* The calls of interest, in the order of the table in imports.c. */
#define IMPORTS_CALLS_MAX 64

/* A program or a library. */
struct module {
	char *path;
	char *name;     /* its base name, or the name it is needed by */
	bool found;     /* otherwise a library that the linker will not find */
	uint64_t calls; /* bit n: it imports imports_call(n) */
	uint64_t bypassing;  /* bit n: in the process it calls libc itself */
	uint32_t encryption; /* encryption_bit() of what it imports */
	bool uring;          /* asks the kernel by io_uring */
	bool xdp;     /* can exchange packets past the kernel's sockets */
	bool dlopens; /* may load more at run time */
};

/* All zero: empty. */
struct imports {
	struct module *modules;
	size_t n;
};

struct call {
	bool hooked;
	bool for_sockets; /* otherwise it is for any file */
};

/* The name of the n-th call, or NULL behind the last. */
const char *imports_call(size_t n, struct call *call);

/* A program's file and, transitively, the libraries that it needs. Returns 0 or
 * -errno of the program's file. */
int imports_of_file(struct imports *imports, const char *path);

/* The n of imports_call() for a name, or -1. */
int imports_number(const char *name);

/* One module as it is mapped in a process. */
int imports_of_module(struct imports *imports, const char *path,
		      const char *name);

void imports_free(struct imports *imports);
