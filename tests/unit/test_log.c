/* SPDX-License-Identifier: Apache-2.0
 *
 * A log file: what is written to, and what is refused because somebody else may
 * have put it there.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim/base/log.h"

#define SOMEBODY 12345

static char room[] = "/tmp/test_log.XXXXXX";
static char target[PATH_MAX], victim[PATH_MAX], errors[PATH_MAX];

static void set_up(void)
{
	cr_assert_neq(mkdtemp(room), NULL);
	snprintf(target, sizeof(target), "%s/log", room);
	snprintf(victim, sizeof(victim), "%s/victim", room);
	snprintf(errors, sizeof(errors), "%s/errors", room);
	int fd = open(errors, O_RDWR | O_CREAT | O_APPEND, 0600);
	cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

static void tear_down(void)
{
	unlink(target);
	unlink(victim);
	unlink(errors);
	rmdir(room);
}

static off_t size_of(const char *path)
{
	struct stat about;

	return stat(path, &about) ? -1 : about.st_size;
}

static void make(const char *path)
{
	close(open(path, O_WRONLY | O_CREAT, 0600));
}

static void say(void)
{
	log_open(&log_file, target);
	log_line("tap", "a line");
}

/* The line goes to standard error, and nowhere else. */
static void assert_refused(void)
{
	say();
	cr_assert_gt(size_of(errors), 0);
}

TestSuite(log, .init = set_up, .fini = tear_down);

Test(log, file)
{
	struct stat about;

	say();
	say();
	cr_assert_eq(size_of(errors), 0);
	cr_assert_eq(stat(target, &about), 0);
	cr_assert_eq(about.st_mode & 07777, 0640);
	cr_assert_gt(about.st_size, 2 * (off_t)strlen("tap: a line\n"));
}

Test(log, symbolic_link)
{
	make(victim);
	cr_assert_eq(symlink(victim, target), 0);
	assert_refused();
	cr_assert_eq(size_of(victim), 0);
}

Test(log, hard_link)
{
	make(victim);
	cr_assert_eq(link(victim, target), 0);
	assert_refused();
	cr_assert_eq(size_of(victim), 0);
}

/* Neither waits: not for a reader, nor for one who does not read. */
Test(log, fifo, .timeout = 20)
{
	cr_assert_eq(mkfifo(target, 0600), 0);
	assert_refused();
	int reader = open(target, O_RDONLY | O_NONBLOCK);
	say();
	char octet;
	cr_assert_eq(read(reader, &octet, 1), 0);
}

Test(log, device)
{
	if (mknod(target, S_IFCHR | 0600, makedev(1, 3)))
		return; /* not root */
	assert_refused();
}

/* In a directory like /tmp, somebody else's file is somebody else's. */
Test(log, somebodys_file)
{
	make(target);
	if (chown(target, SOMEBODY, SOMEBODY))
		return; /* not root */
	say();
	cr_assert_eq(size_of(errors), 0, "in a directory of our own");
	off_t before = size_of(target);
	cr_assert_eq(chmod(room, 01777), 0);
	assert_refused();
	cr_assert_eq(size_of(target), before);
}

Test(log, size_limit)
{
	struct rlimit none = { 0, RLIM_INFINITY };

	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	say(); /* and lives */
	cr_assert_eq(size_of(target), 0);
}

Test(log, without_waiting)
{
	int ends[2];
	char full[4096] = "";

	log_open(&log_file, target);
	cr_assert(!log_try("tap", "not to a file"));
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	log_open(&log_stderr, NULL);
	cr_assert(log_try("tap", "there is room"));
	int size = fcntl(ends[0], F_SETPIPE_SZ, sizeof(full));
	while (fcntl(ends[1], F_SETFL, O_NONBLOCK), write(ends[1], full, 1) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	cr_assert(!log_try("tap", "there is none of %d", size));
	close(ends[0]);
	cr_assert(!log_try("tap", "nobody reads"));
}
