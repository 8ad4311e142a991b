/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration that a process was started with.
 */
#pragma once

#include <sys/types.h>

#include "config/config.h"

/* What its environment and the file named there say, which is looked for under its
 * root (release with config_free). NULL if that cannot be read here, because of its
 * environment say. */
struct config *configured_load(pid_t pid);
