/* SPDX-License-Identifier: Apache-2.0
 *
 * When a tap begins another file, and how many stay: the property rotate.
 *
 * The functions are those of a row of properties (property.h).
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "config/error.h"
#include "config/value.h"

void rotation_set(void *field, const struct words *words,
		  struct errors *errors);
void rotation_show(const void *field, FILE *out);
bool rotation_is_on(const void *field);
