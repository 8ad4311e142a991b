/* SPDX-License-Identifier: Apache-2.0
 *
 * Tries a tap's endpoint out.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"

/* Connects as the tap would, says READY, START and STOP, and prints a line on
 * what came back; each step has a deadline. Where the tap itself would listen
 * or write a file, tries whether it could, and leaves nothing behind. Returns
 * whether all was well. */
bool probe(const struct tap_config *config);
