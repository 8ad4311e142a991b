/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that take the place of one that is followed: PATH anew, when it has
 * been moved away, and PATH.1, PATH.2 and so on, or PATH.TIME.1, as taps begin
 * them. PATH may be the link PATH.current, or one of these. Of those that
 * were there before none is read.
 */
#pragma once

#include <sys/types.h>

struct follow;

/* Notes what is there. Returns NULL when out of memory. */
struct follow *follow_new(const char *path);
void follow_free(struct follow *follow);

/* Opens the file to begin with. Returns the fd or -errno; -EINVAL: it is no regular
 * file. */
int follow_first(struct follow *follow, const char *path);

/* The next file that has come since, the oldest first: opened, and its name, to be
 * freed. Returns the fd, -ENOENT if there is none, or another -errno. */
int follow_next(struct follow *follow, char **name);

/* How many of them it has handed out. */
unsigned follow_count(const struct follow *follow);
