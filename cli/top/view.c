/* SPDX-License-Identifier: Apache-2.0
 *
 * What keys do.
 */
#include "cli/top/view.h"

#include <stdio.h>

#include "cli/top/screen.h"

static void move_by(struct view *view, int by)
{
	if (by > 0 || view->chosen > 0)
		view->chosen += by;
}

static void sort_by(struct view *view, size_t by)
{
	view->sort = (view->sort + by) % (n_columns + 1);
}

enum view_wish view_key(struct view *view, int key)
{
	bool helped = view->helps;

	view->helps = false;
	switch (key) {
	case 'q':
		return helped ? VIEW_ON : VIEW_QUIT;
	case 'h':
	case '?':
		view->helps = !helped;
		break;
	case 's':
	case '>':
		sort_by(view, 1);
		break;
	case 'S':
	case '<':
		sort_by(view, n_columns);
		break;
	case 'r':
		view->reverse = !view->reverse;
		break;
	case 'p':
	case ' ':
		view->paused = !view->paused;
		break;
	case 'n':
		view->clients = !view->clients;
		break;
	case SCREEN_UP:
	case 'k':
		move_by(view, -1);
		break;
	case SCREEN_DOWN:
	case 'j':
		move_by(view, 1);
		break;
	case SCREEN_RESIZED:
		view->helps = helped;
		break;
	}
	return VIEW_ON;
}

void view_tell(struct view *view, const char *text)
{
	snprintf(view->message, sizeof(view->message), "%s", text);
	view->message_age = 0;
}
