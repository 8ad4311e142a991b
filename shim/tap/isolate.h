/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's thread lives in the host's process, but not among its fds.
 */
#pragma once

#include <stdbool.h>

/*
 * Gives the calling thread a table of fds of its own, empty but for standard
 * error: the host can neither see, close nor overwrite what is opened there, a
 * forked child does not inherit it, and a mistake here cannot reach a file of
 * the host's. Returns false where the kernel refuses: the table is still shared.
 */
bool isolate_fds(void);
