/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands on the screen, and what keys do with it.
 */
#pragma once

#include <stdbool.h>

#include "cli/top/live.h"
#include "cli/top/row.h"

struct view {
	size_t sort; /* a column's number and one; 0: as they were found */
	bool reverse, paused, helps, clients;
	size_t first, chosen; /* of the rows */
	char message[512];
	unsigned message_age; /* times that it has been drawn */
};

enum view_wish { VIEW_ON, VIEW_QUIT };

/* What a key does; the screen is not drawn. */
enum view_wish view_key(struct view *view, int key);

/* Is shown for a while instead of the keys. */
void view_tell(struct view *view, const char *text);

/* The rows are sorted. live: NULL if nothing is received. */
void view_draw(struct view *view, const struct watched *watched,
	       struct rows *rows, const struct live *live);
