/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's two files: one for programs that are linked with glibc, one for
 * those that are linked with musl.
 */
#pragma once

#include <stdbool.h>

/* As it is called. */
const char *library_name(bool musl);

/* The one that belongs to this command: beside it, in ../lib, or where the loader
 * finds it by its bare name (release with free). NULL: it is not installed. */
char *library_find(bool musl);

/* Whether a loader of this path, as the program names it, is musl's. */
bool library_is_musl(const char *interpreter);
