/* SPDX-License-Identifier: Apache-2.0
 *
 * Serving an operator: whole requests, and an end to all others.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/tap/control.h"

static struct control control;
static uint64_t now;
static size_t asked;

static bool answer(const char *command, const char *body,
		   struct control_reply *reply)
{
	asked++;
	control_say(reply, "%s, %zu octets\n", command, strlen(body));
	if (!strcmp(command, "much"))
		for (int i = 0; i < 100000; i++)
			control_say(reply, "line %d\n", i);
	return strcmp(command, "no");
}

/* A cycle, as of a thread that has been told by poll(2). */
static void turn(uint64_t later)
{
	now += later;
	control.stirs = true;
	control_advance(&control, now);
}

static void set_up(void)
{
	now = clock_steady();
	control_begin(answer, NULL);
	turn(0);
	cr_assert(control.serves);
	cr_assert_geq(control.listener, 0);
}

static void tear_down(void)
{
	control_end(&control);
}

static int dial(void)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	cr_assert_eq(
		getsockname(control.listener, (struct sockaddr *)&name, &size),
		0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&name, size), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL),
		     (ssize_t)strlen(text));
}

/* All that is replied until the end. */
static const char *hear(int fd)
{
	static char text[2 << 20];
	size_t size = 0;
	ssize_t n;

	do {
		turn(0);
		n = recv(fd, text + size, sizeof(text) - size - 1, 0);
		size += n > 0 ? n : 0;
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	text[size] = '\0';
	close(fd);
	return text;
}

TestSuite(control, .init = set_up, .fini = tear_down, .timeout = 60);

Test(control, a_command_and_its_body)
{
	int fd = dial();

	say(fd, "comm");
	turn(0);
	say(fd, "and\nline\nline");
	turn(0);
	cr_assert_eq(asked, 0);
	shutdown(fd, SHUT_WR);
	cr_assert_str_eq(hear(fd), "done\ncommand, 9 octets\n");
}

Test(control, what_is_refused_says_so)
{
	int fd = dial();

	say(fd, "no");
	shutdown(fd, SHUT_WR);
	cr_assert_str_eq(hear(fd), "refused\nno, 0 octets\n");
}

Test(control, a_long_reply_goes_in_pieces)
{
	int fd = dial();

	say(fd, "much\n");
	shutdown(fd, SHUT_WR);
	const char *text = hear(fd);
	cr_assert(strstr(text, "line 0\n"));
	cr_assert(strstr(text, "line 99999\n"));
}

Test(control, who_says_nothing_is_left)
{
	struct pollfd fds[CONTROL_FDS_MAX];
	uint64_t deadline;
	int fd[CONTROL_CONNECTIONS + 1];

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = dial();
	turn(0);
	/* There is room for no more, and so nothing to wait for but their end. */
	cr_assert_eq(control_poll(&control, fds, &deadline),
		     CONTROL_CONNECTIONS);
	cr_assert_eq(deadline, now + CONTROL_MS * NS_PER_MS);
	turn(CONTROL_MS * NS_PER_MS);
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		cr_assert_str_eq(hear(fd[i]), "");
	say(fd[CONTROL_CONNECTIONS], "x");
	shutdown(fd[CONTROL_CONNECTIONS], SHUT_WR);
	cr_assert_str_eq(hear(fd[CONTROL_CONNECTIONS]), "done\nx, 0 octets\n");
}

Test(control, who_says_too_much_is_left)
{
	static char much[1 << 16];
	size_t size = 0;
	int fd = dial(), error;
	ssize_t n;

	memset(much, 'x', sizeof(much));
	do {
		n = send(fd, much, sizeof(much), MSG_NOSIGNAL);
		error = n < 0 ? errno : 0;
		size += n > 0 ? n : 0;
		turn(0);
	} while (!error || error == EAGAIN);
	cr_assert_lt(size, 2 * CONTROL_REQUEST_MAX);
	cr_assert_eq(asked, 0);
	close(fd);
}

Test(control, one_thread_serves)
{
	struct control other = { 0 };

	other.stirs = true;
	control_advance(&other, now);
	cr_assert(!other.serves);
	control_end(&control);
	other.stirs = true;
	control_advance(&other, now);
	cr_assert(other.serves);
	control_end(&other);
	control_end(&control);
}

/* Who waits does not keep the thread from its sleep, and is served in the end. */
Test(control, who_cannot_be_let_in_waits)
{
	struct pollfd fds[CONTROL_FDS_MAX];
	struct rlimit limit, none;
	uint64_t deadline;
	int fd = dial();

	say(fd, "x");
	shutdown(fd, SHUT_WR);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 3; i++) {
		turn(0);
		cr_assert_eq(control_poll(&control, fds, &deadline), 0);
		cr_assert_gt(deadline, now);
		cr_assert_leq(deadline, now + NS_PER_S);
		turn(deadline - now);
	}
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	turn(NS_PER_S);
	cr_assert_str_eq(hear(fd), "done\nx, 0 octets\n");
}
