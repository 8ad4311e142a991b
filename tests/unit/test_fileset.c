/* SPDX-License-Identifier: Apache-2.0
 *
 * Which file comes next, and which go.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/tap/transport/fileset.h"

static char directory[] = "/tmp/fileset.XXXXXX";
static char path[PATH_MAX], name[PATH_MAX];

static void begin(void)
{
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/tap", directory);
}

static void end(void)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	cr_assert_eq(system(command), 0);
}

TestSuite(fileset, .init = begin, .fini = end);

static void touch(const char *suffix)
{
	char file[PATH_MAX + 32];

	snprintf(file, sizeof(file), "%s%s", path, suffix);
	int fd = open(file, O_CREAT | O_EXCL | O_WRONLY, 0600);
	cr_assert_geq(fd, 0);
	close(fd);
}

static bool exists(const char *suffix)
{
	char file[PATH_MAX + 32];

	snprintf(file, sizeof(file), "%s%s", path, suffix);
	return !access(file, F_OK);
}

/* The next file is the one of that suffix. Returns its fd. */
static int create(const char *suffix)
{
	int fd = fileset_create(path, name, sizeof(name));

	cr_assert_geq(fd, 0);
	cr_assert_eq(strncmp(name, path, strlen(path)), 0);
	cr_assert_str_eq(name + strlen(path), suffix);
	return fd;
}

Test(fileset, begins_with_the_path_and_counts_on)
{
	close(create(""));
	close(create(".1"));
	close(create(".2"));
}

Test(fileset, never_takes_a_number_below_another)
{
	touch(".9");
	close(create(".10"));
}

Test(fileset, is_not_misled_by_other_names)
{
	touch(".1x");
	touch(".01");
	touch(".");
	touch("1");
	touch(".12345678901234567890");
	close(create(""));
}

/* In a directory that others may write to. */
Test(fileset, goes_round_what_others_have_put_there)
{
	char target[PATH_MAX + 32], fifo[PATH_MAX + 32];

	snprintf(target, sizeof(target), "%s/victim", directory);
	snprintf(fifo, sizeof(fifo), "%s.1", path);
	cr_assert_eq(symlink(target, path), 0);
	cr_assert_eq(mkfifo(fifo, 0666), 0);
	close(create(".2"));
	fileset_prune(path, 1);
	cr_assert_neq(access(target, F_OK), 0);
}

Test(fileset, says_why_it_cannot)
{
	char nowhere[PATH_MAX + 16];

	snprintf(nowhere, sizeof(nowhere), "%s/no/tap", directory);
	cr_assert_eq(fileset_create(nowhere, name, sizeof(name)), -ENOENT);
}

Test(fileset, prunes_the_oldest)
{
	close(create(""));
	close(create(".1"));
	close(create(".2"));
	close(create(".3"));
	touch(".x");
	fileset_prune(path, 2);
	cr_assert(!exists("") && !exists(".1") && exists(".2") &&
		  exists(".3") && exists(".x"));
}

Test(fileset, leaves_what_is_being_written)
{
	int fd = create("");

	close(create(".1"));
	close(create(".2"));
	fileset_prune(path, 1);
	cr_assert(exists("") && !exists(".1") && !exists(".2"));
	close(fd);
}

/* Each makes a file, has the others' removed, and says whether its own is there. */
static bool keeps_its_own(void)
{
	struct stat about = { 0 };

	for (int i = 0; i < 2000; i++) {
		int fd = fileset_create(path, name, sizeof(name));

		fileset_prune(path, 1);
		if (fd < 0 || fstat(fd, &about) || !about.st_nlink)
			return false;
		close(fd);
	}
	return true;
}

Test(fileset, several_processes_leave_each_other_theirs)
{
	int status, bad = 0;

	for (int i = 0; i < 4; i++)
		if (!fork())
			_exit(keeps_its_own() ? 0 : 1);
	while (wait(&status) > 0)
		bad += status != 0;
	cr_assert_eq(bad, 0, "%d have lost one", bad);
}
