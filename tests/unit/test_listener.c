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

#include "shim/tap/endpoint/listener.h"
#include "shim/tap/transport/unix.h"

static char directory[] = "/tmp/listener.XXXXXX";
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

TestSuite(listener, .init = begin, .fini = end);

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
	struct listener listener = { 0 };

	cr_assert_eq(listener_open(&listener, &config, &none), 0);
	cr_assert_eq(listener_accept(&listener), -EAGAIN);
	int one = dial(), other = listener_accept(&listener);
	cr_assert(one >= 0 && other >= 0);
	cr_assert_eq(listener_accept(&listener), -EAGAIN);
	close(one);
	close(other);
	listener_close(&listener, &config);
	cr_assert_lt(dial(), 0);
	cr_assert_neq(access(path, F_OK), 0);
}

Test(listener, opens_and_lets_in)
{
	check_opens();
	config.address = (char[]){ "@dnstapshim-test-listener" };
	check_opens();
}

Test(listener, replaces_what_was_left_behind)
{
	struct sockaddr_un name;
	socklen_t size = unix_name(path, &name);
	int left = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_eq(bind(left, (struct sockaddr *)&name, size), 0);
	close(left);
	check_opens();
}

Test(listener, leaves_anothers_alone)
{
	struct listener first = { 0 }, second = { 0 };

	cr_assert_eq(listener_open(&first, &config, &none), 0);
	cr_assert_eq(listener_open(&second, &config, &none), -EADDRINUSE);
	listener_close(&second, &config);
	int one = dial();
	cr_assert_geq(one, 0);
	close(one);
	listener_close(&first, &config);
}

Test(listener, leaves_a_file_alone)
{
	struct listener listener = { 0 };
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	cr_assert_eq(listener_open(&listener, &config, &none), -EEXIST);
	cr_assert_eq(access(path, F_OK), 0);
}

/* Which everybody can do who may read it. */
Test(listener, does_not_mind_a_locked_directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY);

	cr_assert_eq(flock(fd, LOCK_EX), 0);
	check_opens();
	close(fd);
}

Test(listener, waits_for_another_that_is_opening)
{
	struct listener listener = { 0 };
	int fd = open(lock, O_CREAT | O_RDWR, 0600);

	cr_assert_eq(flock(fd, LOCK_EX), 0);
	cr_assert_eq(listener_open(&listener, &config, &none), -EBUSY);
	close(fd);
	check_opens(); /* also where that one died of it */
	cr_assert_neq(access(lock, F_OK), 0);
}

static void check_refuses(void)
{
	struct listener listener = { 0 };
	struct stat about;

	cr_assert_eq(listener_open(&listener, &config, &none), -ENOLCK);
	cr_assert_eq(lstat(lock, &about), 0, "it is not ours to remove");
	cr_assert_neq(access(path, F_OK), 0);
	cr_assert_eq(unlink(lock), 0);
}

Test(listener, takes_nothing_of_others_for_its_lock)
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

Test(listener, follows_no_link)
{
	struct listener listener = { 0 };

	cr_assert_eq(symlink("/tmp/no-such-socket", path), 0);
	cr_assert_eq(listener_open(&listener, &config, &none), -EEXIST);
	cr_assert_neq(access("/tmp/no-such-socket", F_OK), 0);
}

Test(listener, removes_only_its_own)
{
	struct listener first = { 0 }, second = { 0 };

	cr_assert_eq(listener_open(&first, &config, &none), 0);
	unlink(path);
	cr_assert_eq(listener_open(&second, &config, &none), 0);
	listener_close(&first, &config);
	cr_assert_eq(access(path, F_OK), 0);
	listener_close(&second, &config);
	cr_assert_neq(access(path, F_OK), 0);
}

Test(listener, has_one_for_every_address)
{
	struct resolver_answer to;
	struct listener listener = { 0 };

	config = (struct tap_config){ .kind = ENDPOINT_TCP };
	resolver_figures("127.0.0.1", "0", 0, &to);
	cr_assert_eq(listener_open(&listener, &config, &to), 0);
	cr_assert_eq(listener.count, 1);
	listener_close(&listener, &config);
	resolver_figures("192.0.2.1", "0", 0, &to);
	cr_assert_eq(listener_open(&listener, &config, &to), -EADDRNOTAVAIL);
	cr_assert_eq(listener.count, 0);
}
