/* SPDX-License-Identifier: Apache-2.0
 *
 * What the modules of a process really call: their global offset tables, read
 * from its memory.
 */
#pragma once

#include <sys/types.h>

#include "cli/inspect/imports.h"

/* Whether a mapped file is the library, by its name. */
bool bindings_is_library(const char *path);

/*
 * Marks the calls that lead to libc where the library has a hook, in the modules
 * of `imports` (module->bypassing). What is not bound yet counts as neither. Returns
 * 0; or -errno if the memory cannot be read.
 */
int bindings_examine(struct imports *imports, pid_t pid);

/* What the library in the process says of itself in its memory: `symbol` of it, a text of
 * up to `size` octets. Returns 0 or -errno; -ENOENT: it has none. */
int bindings_text(pid_t pid, const char *symbol, char *text, size_t size);
