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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/tap/transport/fileset.h"
#include "tests/unit/refuse.h"

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

static void prune(size_t count)
{
	int own = open(directory, O_RDONLY);

	fileset_prune(path, count, own);
	close(own);
}

/* The next file is the one of that suffix. Returns its fd. */
static int create(const char *suffix)
{
	int fd = fileset_create(path, 0, name, sizeof(name));

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
	touch(".20261126T235959Z");
	touch(".20261126T235959.7");
	touch(".20261126T235959Z.7.bz2");
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
	prune(1);
	cr_assert_neq(access(target, F_OK), 0);
}

static void touch_as(const char *suffix, uid_t owner)
{
	char file[PATH_MAX + 32];

	touch(suffix);
	snprintf(file, sizeof(file), "%s%s", path, suffix);
	cr_assert_eq(chown(file, owner, -1), 0);
}

/* The highest numbers that there are, and nothing that is above them. */
Test(fileset, goes_on_below_the_last_number)
{
	touch(".7");
	touch(".999999998");
	close(create(".999999999"));
	close(create(".8"));
	close(create(".9"));
}

Test(fileset, neither_counts_nor_removes_what_is_of_others)
{
	if (geteuid())
		cr_skip("only root can give files away");
	close(create(""));
	touch_as(".1", 65534);
	touch_as(".999999999", 65534);
	close(create(".2"));
	prune(2);
	cr_assert(exists("") && exists(".1") && exists(".2"));
	close(create(".3"));
	prune(2);
	cr_assert(!exists("") && exists(".1") && exists(".2") && exists(".3") &&
		  exists(".999999999"));
}

Test(fileset, says_why_it_cannot)
{
	char nowhere[PATH_MAX + 16];

	snprintf(nowhere, sizeof(nowhere), "%s/no/tap", directory);
	cr_assert_eq(fileset_create(nowhere, 0, name, sizeof(name)), -ENOENT);
}

Test(fileset, prunes_the_oldest)
{
	close(create(""));
	close(create(".1"));
	close(create(".2"));
	close(create(".3"));
	touch(".x");
	prune(2);
	cr_assert(!exists("") && !exists(".1") && exists(".2") &&
		  exists(".3") && exists(".x"));
}

Test(fileset, leaves_what_is_being_written)
{
	int fd = create("");

	close(create(".1"));
	close(create(".2"));
	prune(1);
	cr_assert(exists("") && !exists(".1") && !exists(".2"));
	close(fd);
}

/* Each makes a file, has the others' removed, and says whether its own is there. */
static bool keeps_its_own(void)
{
	struct stat about = { 0 };

	for (int i = 0; i < 2000; i++) {
		int fd = fileset_create(path, 0, name, sizeof(name));

		prune(1);
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

#define NOON (UINT64_C(1000043200) * 1000000000) /* of 9 September 2001 */

static void create_at(uint64_t wall_ns, const char *suffix)
{
	int fd = fileset_create(path, wall_ns, name, sizeof(name));

	cr_assert_geq(fd, 0);
	cr_assert_str_eq(name + strlen(path), suffix);
	close(fd);
}

/* Whatever the clock says, the newest have the highest numbers, and stay. */
Test(fileset, has_times_in_its_names)
{
	touch(".8");
	create_at(NOON, ".20010909T134640Z.9");
	create_at(NOON, ".20010909T134640Z.10");
	create_at(NOON - 60000000000, ".20010909T134540Z.11");
	close(create(".12"));
	prune(2);
	cr_assert(!exists(".8") && !exists(".20010909T134640Z.10") &&
		  exists(".20010909T134540Z.11") && exists(".12"));
}

Test(fileset, leaves_what_has_been_compressed)
{
	touch(".gz");
	close(create(".1"));
	touch(".7.gz");
	touch(".20010909T134640Z.8.zst");
	close(create(".9"));
	prune(1);
	cr_assert(exists(".gz") && exists(".7.gz") && !exists(".1") &&
		  exists(".20010909T134640Z.8.zst") && exists(".9"));
}

static const char *target(void)
{
	static char text[PATH_MAX];
	char link[PATH_MAX + 16];

	snprintf(link, sizeof(link), "%s.current", path);
	ssize_t size = readlink(link, text, sizeof(text) - 1);
	text[size < 0 ? 0 : size] = '\0';
	return text;
}

static void put_link(const char *suffix, const char *to)
{
	char link[PATH_MAX + 16];

	snprintf(link, sizeof(link), "%s%s", path, suffix);
	cr_assert_eq(symlink(to, link), 0);
}

Test(fileset, links_to_the_current_one)
{
	close(create(""));
	cr_assert_eq(fileset_link(path, name, 42), 0);
	cr_assert_str_eq(target(), "tap");
	close(create(".1"));
	cr_assert_eq(fileset_link(path, name, 42), 0);
	cr_assert_str_eq(target(), "tap.1");
	cr_assert(!exists(".current.42"));
}

Test(fileset, replaces_nothing_but_a_link)
{
	touch(".current");
	cr_assert_eq(fileset_link(path, path, 42), -EEXIST);
	cr_assert_str_eq(target(), "");
	cr_assert(exists(".current") && !exists(".current.42"));
	touch(".current.43");
	cr_assert_eq(fileset_link(path, path, 43), -EEXIST);
	cr_assert(exists(".current.43"));
}

/* Put there by others, or left by a process that was killed. */
Test(fileset, follows_no_link)
{
	touch(".other");
	put_link(".current", "tap.other");
	put_link(".current.42", "tap.other");
	close(create(""));
	cr_assert_eq(fileset_link(path, name, 42), 0);
	cr_assert_str_eq(target(), "tap");
	cr_assert(exists(".other"));
}

/* At each attempt. */
Test(fileset, leaves_nothing_where_there_are_no_locks)
{
	refuse(SYS_flock, ENOLCK);
	cr_assert_eq(fileset_create(path, 0, name, sizeof(name)), -ENOLCK);
	cr_assert(!exists("") && !exists(".1"));
}
