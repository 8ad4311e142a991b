/* SPDX-License-Identifier: Apache-2.0
 *
 * A line a tap, for pipes, files and terminals that can do no more.
 */
#pragma once

#include "cli/top/live.h"
#include "cli/top/row.h"

struct plain {
	unsigned lines; /* since the heading */
};

/* live: NULL if nothing is received. */
void plain_print(struct plain *plain, const struct rows *rows,
		 const struct live *live);
