/* SPDX-License-Identifier: Apache-2.0
 *
 * By way of ncurses(3).
 */
#include "cli/top/screen.h"

#include <curses.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#include "cli/cli.h"

static SCREEN *screen;
static bool coloured;

/* Of the kind that setupterm() has found, which is let go. */
static bool moves_cursor(void)
{
	const char *cup = tigetstr("cup");
	bool moves = cup && cup != (const char *)-1;

	del_curterm(cur_term);
	return moves;
}

bool screen_is_there(void)
{
	const char *term = getenv("TERM");
	int kind;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !term ||
	    !*term || !strcmp(term, "dumb"))
		return false;
	if (setupterm(NULL, STDOUT_FILENO, &kind) == OK)
		return moves_cursor();
	cli_warn("TERM=%s: no such terminal is known; here are lines", term);
	return false;
}

static void prepare_colours(void)
{
	coloured = cli_colour(stdout) && has_colors() && start_color() == OK;
	if (!coloured)
		return;
	use_default_colors();
	init_pair(SCREEN_GOOD, COLOR_GREEN, -1);
	init_pair(SCREEN_BAD, COLOR_RED, -1);
}

bool screen_begin(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return false;
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	prepare_colours();
	return true;
}

void screen_end(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

int screen_key(void)
{
	int key = getch();

	switch (key) {
	case ERR:
		return SCREEN_NO_KEY;
	case KEY_UP:
		return SCREEN_UP;
	case KEY_DOWN:
		return SCREEN_DOWN;
	case KEY_RESIZE:
		return SCREEN_RESIZED;
	default:
		return key;
	}
}

bool screen_is_gone(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&in, 1, 0) > 0 && (in.revents & (POLLHUP | POLLERR));
}

int screen_lines(void)
{
	return LINES;
}

int screen_width(void)
{
	return COLS;
}

void screen_clear(void)
{
	erase();
}

void screen_show(void)
{
	refresh();
}

static attr_t attributes(enum screen_look look)
{
	if (look == SCREEN_BAR)
		return A_REVERSE;
	if (look == SCREEN_PLAIN)
		return A_NORMAL;
	return coloured ? COLOR_PAIR(look) : A_BOLD;
}

void screen_put(int line, int column, int width, enum screen_look look,
		const char *text)
{
	if (line < 0 || line >= LINES || column < 0 || column >= COLS)
		return;
	if (width > COLS - column)
		width = COLS - column;
	move(line, column);
	attrset(attributes(look));
	for (int i = 0; i < width; i++) {
		char c = *text ? *text++ : ' ';

		addch((unsigned char)(c >= ' ' && c <= '~' ? c : '?'));
	}
	attrset(A_NORMAL);
}
