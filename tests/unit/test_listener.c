/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose name it is that a tap listens at.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/tap/endpoint/door.h"
#include "shim/tap/transport/unix.h"

static char directory[] = "/tmp/door.XXXXXX";
static char path[64], lock[80];
static struct tap_config config;
static const struct resolver_answer none;

static void begin(void)
{
	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	config = (struct tap_config){ .kind = ENDPOINT_UNIX, .address = path };
}

static void end(void)
{
	unlink(path);
	unlink(lock);
	rmdir(directory);
}

TestSuite(door, .init = begin, .fini = end);

static int dial(void)
{
	struct sockaddr_un name;
	socklen_t size = unix_name(config.address, &name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (!connect(fd, (struct sockaddr *)&name, size))
		return fd;
	close(fd);
	return -errno;
}

/* Opens, lets one in, and is gone afterwards. */
static void check_opens(void)
{
	struct door door = { 0 };

	cr_assert_eq(door_open(&door, &config, &none), 0);
	cr_assert_eq(door_accept(&door), -EAGAIN);
	int one = dial(), other = door_accept(&door);
	cr_assert(one >= 0 && other >= 0);
	cr_assert_eq(door_accept(&door), -EAGAIN);
	close(one);
	close(other);
	door_close(&door, &config);
	cr_assert_lt(dial(), 0);
	cr_assert_neq(access(path, F_OK), 0);
}

Test(door, opens_and_lets_in)
{
	check_opens();
	config.address = (char[]){ "@dnstapshim-test-door" };
	check_opens();
}

Test(door, replaces_what_was_left_behind)
{
	struct sockaddr_un name;
	socklen_t size = unix_name(path, &name);
	int left = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_eq(bind(left, (struct sockaddr *)&name, size), 0);
	close(left);
	check_opens();
}

Test(door, leaves_anothers_alone)
{
	struct door first = { 0 }, second = { 0 };

	cr_assert_eq(door_open(&first, &config, &none), 0);
	cr_assert_eq(door_open(&second, &config, &none), -EADDRINUSE);
	door_close(&second, &config);
	int one = dial();
	cr_assert_geq(one, 0);
	close(one);
	door_close(&first, &config);
}

Test(door, leaves_a_file_alone)
{
	struct door door = { 0 };
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	cr_assert_eq(door_open(&door, &config, &none), -EEXIST);
	cr_assert_eq(access(path, F_OK), 0);
}

/* Which everybody can do who may read it. */
Test(door, does_not_mind_a_locked_directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY);

	cr_assert_eq(flock(fd, LOCK_EX), 0);
	check_opens();
	close(fd);
}

Test(door, waits_for_another_that_is_opening)
{
	struct door door = { 0 };
	int fd = open(lock, O_CREAT | O_RDWR, 0600);

	cr_assert_eq(flock(fd, LOCK_EX), 0);
	cr_assert_eq(door_open(&door, &config, &none), -EBUSY);
	close(fd);
	check_opens(); /* also where that one died of it */
	cr_assert_neq(access(lock, F_OK), 0);
}

static void check_refuses(void)
{
	struct door door = { 0 };
	struct stat about;

	cr_assert_eq(door_open(&door, &config, &none), -ENOLCK);
	cr_assert_eq(lstat(lock, &about), 0, "it is not ours to remove");
	cr_assert_neq(access(path, F_OK), 0);
	cr_assert_eq(unlink(lock), 0);
}

Test(door, takes_nothing_of_others_for_its_lock)
{
	cr_assert_eq(symlink(path, lock), 0);
	check_refuses();
	cr_assert_eq(mkfifo(lock, 0600), 0);
	check_refuses();
	close(open(lock, O_CREAT | O_RDWR, 0644));
	check_refuses();
	if (geteuid())
		return;
	close(open(lock, O_CREAT | O_RDWR, 0600));
	cr_assert_eq(chown(lock, 1, 1), 0);
	check_refuses();
}

Test(door, follows_no_link)
{
	struct door door = { 0 };

	cr_assert_eq(symlink("/tmp/no-such-socket", path), 0);
	cr_assert_eq(door_open(&door, &config, &none), -EEXIST);
	cr_assert_neq(access("/tmp/no-such-socket", F_OK), 0);
}

Test(door, removes_only_its_own)
{
	struct door first = { 0 }, second = { 0 };

	cr_assert_eq(door_open(&first, &config, &none), 0);
	unlink(path);
	cr_assert_eq(door_open(&second, &config, &none), 0);
	door_close(&first, &config);
	cr_assert_eq(access(path, F_OK), 0);
	door_close(&second, &config);
	cr_assert_neq(access(path, F_OK), 0);
}

Test(door, has_one_for_every_address)
{
	struct resolver_answer to;
	struct door door = { 0 };

	config = (struct tap_config){ .kind = ENDPOINT_TCP };
	resolver_figures("127.0.0.1", "0", 0, &to);
	cr_assert_eq(door_open(&door, &config, &to), 0);
	cr_assert_eq(door.count, 1);
	door_close(&door, &config);
	resolver_figures("192.0.2.1", "0", 0, &to);
	cr_assert_eq(door_open(&door, &config, &to), -EADDRNOTAVAIL);
	cr_assert_eq(door.count, 0);
}
