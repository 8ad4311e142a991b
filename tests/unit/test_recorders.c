/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files of a directory are flight recorders that wait.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/tap/recorder/recorders.h"
#include "proto/common.h"

static char directory[32];

static void begin(void)
{
	strcpy(directory, "/tmp/recorders.XXXXXX");
	cr_assert(mkdtemp(directory));
}

static void end(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	cr_assert_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

/* With this in it, and of so many seconds. */
static void make(const char *name, const char *content, time_t time)
{
	const struct timespec times[2] = { { time, 0 }, { time, 0 } };
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	cr_assert_geq(fd, 0, "%s", name);
	cr_assert_eq(write(fd, content, strlen(content)), strlen(content));
	cr_assert_eq(futimens(fd, times), 0);
	close(fd);
}

TestSuite(recorders, .init = begin, .fini = end);

Test(recorders, are_found_oldest_first)
{
	static const char *const expected[] = { "a.1.1", "b.2.1", "named.9.2",
						"named.10.1-3" };
	struct recorders found;

	make("named.10.1-3", "x", 400);
	make("b.2.1", "x", 200);
	make("named.9.2", "x", 300);
	make("a.1.1", "x", 200);
	cr_assert_eq(recorders_find(&found, directory, RECORDERS_READ), 0);
	cr_assert_eq(found.n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < found.n; i++)
		cr_expect_str_eq(strrchr(found.file[i].path, '/') + 1,
				 expected[i]);
	recorders_free(&found);
}

Test(recorders, are_nothing_else)
{
	static const char *const others[] = {
		"named.1",       "named.1.",   "named..1",      ".1.1",
		"named.x.1",     "named.1.x",  "named.1.1-",    "named.1.1-x",
		"named.1.1.tmp", ".named.1.1", "na\033med.1.1", "na med.1.1"
	};
	struct recorders found;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		make(others[i], "x", 1);
	make("empty.1.1", "", 1);
	cr_assert_eq(mkdir(path_of("directory.1.1"), 0700), 0);
	cr_assert_eq(mkfifo(path_of("pipe.1.1"), 0600), 0);
	cr_assert_eq(symlink("named.1", path_of("link.1.1")), 0);
	cr_assert_eq(recorders_find(&found, directory, RECORDERS_READ), 0);
	cr_expect_eq(found.n, 0, "%s", found.n ? found.file[0].path : "");
	recorders_free(&found);
	cr_assert_eq(recorders_find(&found, "/nowhere", RECORDERS_READ),
		     -ENOENT);
	recorders_free(&found);
}

Test(recorders, wait_when_nobody_holds_them)
{
	char error[IMAGE_ERROR_MAX];
	struct recorders found;

	make("named.1.1", "x", 1);
	int writer = open(path_of("named.1.1"), O_RDWR);
	cr_assert_eq(flock(writer, LOCK_EX), 0);
	cr_assert_eq(recorders_find(&found, directory, RECORDERS_READ), 0);
	cr_expect_eq(found.n, 0);
	recorders_free(&found);
	cr_expect_eq(
		recorders_open(path_of("named.1.1"), RECORDERS_READ, error),
		-EBUSY);
	int fd = recorders_open(path_of("named.1.1"), RECORDERS_WATCH, error);
	cr_expect_geq(fd, 0);
	close(fd);
	close(writer);
	int first = recorders_open(path_of("named.1.1"), RECORDERS_READ, error);
	int second =
		recorders_open(path_of("named.1.1"), RECORDERS_READ, error);
	cr_expect(first >= 0 && second >= 0, "two may read");
	cr_expect_eq(recorders_open(path_of("named.1.1"), RECORDERS_OWN, error),
		     -EBUSY, "and nobody removes it then");
	close(first);
	close(second);
	fd = recorders_open(path_of("named.1.1"), RECORDERS_OWN, error);
	cr_expect_geq(fd, 0);
	cr_expect_eq(
		recorders_open(path_of("named.1.1"), RECORDERS_READ, error),
		-EBUSY);
	close(fd);
}

/* Under the same name there may be another by now. */
Test(recorders, are_removed_if_they_are_the_same)
{
	char error[IMAGE_ERROR_MAX];

	make("named.1.1", "x", 1);
	int fd = recorders_open(path_of("named.1.1"), RECORDERS_OWN, error);
	cr_assert_eq(rename(path_of("named.1.1"), "/tmp/recorders.other"), 0);
	make("named.1.1", "x", 1);
	cr_expect_eq(recorders_remove(path_of("named.1.1"), fd), -ESTALE);
	cr_expect_eq(recorders_remove("/tmp/recorders.other", fd), 0);
	cr_expect_eq(access("/tmp/recorders.other", F_OK), -1);
	cr_expect_eq(access(path_of("named.1.1"), F_OK), 0);
	close(fd);
}

Test(recorders, have_a_program)
{
	static const char *const names[][2] = {
		{ "/run/d/named.1234.1", "named" },
		{ "named.1234.1", "named" },
		{ "python3.11.1234.12", "python3.11" },
		{ "/run/x.1.1/named.1.2-3", "named" },
		{ "/run/x.1.1/copy", "copy" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *program = recorders_program(names[i][0]);

		cr_expect_str_eq(program, names[i][1]);
		free(program);
	}
}
