/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration → its text, every default spelled out.
 */
#pragma once

#include <stdio.h>

#include "config/config.h"

/* Writes what config_load reads as the same configuration, whatever the
 * environment. A property that is off stands in a comment. Check ferror(out). */
void config_print(const struct config *config, FILE *out);
