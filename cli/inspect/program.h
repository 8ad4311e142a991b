/* SPDX-License-Identifier: Apache-2.0
 *
 * A program on disk, and whether the library can be preloaded into it.
 */
#pragma once

#include <stdbool.h>

#include "cli/inspect/imports.h"
#include "cli/inspect/verdict.h"

struct program {
	char *path; /* what the kernel runs in the end: no script */
	bool loads; /* it is loaded with libraries, */
	bool musl;  /* by musl, not by glibc */
	struct verdict verdict;
	struct imports imports;
};

/* As execvp(3) finds it: in PATH unless the name has a slash. Returns the path
 * (release with free), or NULL and errno. */
char *program_find(const char *name);

/*
 * Whether anything can be preloaded into the program at `path`; a script leads
 * to its interpreter. by_caller: privileges count as they would if this process
 * ran it. Returns 0 whatever the verdict is, or -errno if the file cannot be
 * read.
 */
int program_examine(struct program *program, const char *path, bool by_caller);

/* If it loads: whether the library for its libc is there. */
void program_examine_library(struct program *program);

/* If it loads: whether it makes calls that carry DNS messages, and hooked ones.
 * Likewise. */
int program_examine_imports(struct program *program);

void program_free(struct program *program);
