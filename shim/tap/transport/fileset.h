/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of one PATH: PATH itself, then PATH.1, PATH.2 and so on; or, with the
 * times at which they were begun, PATH.TIME.1, PATH.TIME.2; the higher the number,
 * the newer. Nothing that exists is ever opened for writing, so no file is
 * overwritten, and two processes never share one. The number of a file that has
 * been compressed (.gz, .zst) is not given again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Makes the file whose number comes next and locks it, for as long as it is
 * open, against fileset_prune in other processes. wall_ns: the time to be in its
 * name; 0: none. The name is written to `name` of `size` octets. Returns the fd or
 * -errno.
 */
int fileset_create(const char *path, uint64_t wall_ns, char *name, size_t size);

/* Removes the oldest files that nobody writes any more, so that `count` remain of those
 * that belong to whom the file of the fd `own` belongs to; those that have been
 * compressed are neither counted nor removed. */
void fileset_prune(const char *path, size_t count, int own);

/* Removes the file that is open and locked, if it is still the one of that name:
 * numbers are given again when the highest file has gone. */
void fileset_remove(const char *name, int fd);

/*
 * Makes PATH.current a symbolic link to the file of that name beside it. One that is
 * there is replaced at once, anything else is left alone; `process` is the caller's
 * id. Returns 0 or -errno.
 */
int fileset_link(const char *path, const char *name, unsigned process);

/* How many octets a ".TIME" has that `text` begins with; 0: there is none. */
size_t fileset_stamp(const char *text);
