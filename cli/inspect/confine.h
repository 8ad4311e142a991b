/* SPDX-License-Identifier: Apache-2.0
 *
 * What else keeps a library from being preloaded into a program: privileges
 * that it gains, and mandatory access control.
 */
#pragma once

#include <stdbool.h>

#include "cli/inspect/verdict.h"

/* by_caller: a gain of privileges counts only if this process would gain
 * them. */
void confine_judge(struct verdict *verdict, const char *path, bool by_caller);
