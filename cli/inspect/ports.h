/* SPDX-License-Identifier: Apache-2.0
 *
 * The ports that a process's sockets are bound to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/config.h"

/* True if one of them is a DNS port of the configuration, or if that cannot be known.
 * Otherwise `text` has some of those that there are, such as "5353, 8053". */
bool ports_match(pid_t pid, const struct config *config, char *text,
		 size_t size);
