/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of one PATH: PATH itself, then PATH.1, PATH.2 and so on; the higher
 * the number, the newer. Nothing that exists is ever opened for writing, so no
 * file is overwritten, and two processes never share one.
 */
#pragma once

#include <stddef.h>

/*
 * Makes the file whose number comes next and locks it, for as long as it is
 * open, against fileset_prune in other processes. Its name is written to `name`
 * of `size` octets. Returns the fd or -errno.
 */
int fileset_create(const char *path, char *name, size_t size);

/* Removes the oldest files that nobody writes any more, so that `count` remain. */
void fileset_prune(const char *path, size_t count);

/* Removes the file that is open and locked, if it is still the one of that name:
 * numbers are given again when the highest file has gone. */
void fileset_remove(const char *name, int fd);
