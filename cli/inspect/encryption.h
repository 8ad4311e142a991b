/* SPDX-License-Identifier: Apache-2.0
 *
 * By which libraries a program encrypts, and whether the DNS in there is seen.
 */
#pragma once

#include "cli/inspect/imports.h"
#include "cli/inspect/verdict.h"

/* The bit in module->encryption for an imported name, or 0. */
uint32_t encryption_bit(const char *name);

/* Appends a note for each of the libraries that a module calls. */
void encryption_judge(struct verdict *verdict, const struct imports *imports);
