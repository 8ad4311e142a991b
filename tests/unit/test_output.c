/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes that fail, and the signals of the host's that are pending meanwhile.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shim/base/output.h"

static void block(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	cr_assert_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

/* Takes one from this thread, or else from the process. */
static bool take(int number)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	return sigtimedwait(&set, NULL, &none) == number;
}

/* A file that takes nothing. */
static int limited(void)
{
	char path[] = "/tmp/test_output.XXXXXX";
	struct rlimit none = { 0, RLIM_INFINITY };
	int fd = mkstemp(path);

	unlink(path);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	return fd;
}

static int broken_pipe(void)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	return ends[1];
}

Test(output, size_limit)
{
	int fd = limited();

	cr_assert(!output_write(fd, "x", 1));
	cr_assert_eq(errno, EFBIG);
	cr_assert(!output_try(fd, "x", 1));
	block(SIGXFSZ);
	cr_assert(!output_write(fd, "x", 1));
	cr_assert(!take(SIGXFSZ), "ours is taken");
}

Test(output, broken_pipe)
{
	int fd = broken_pipe();

	cr_assert(!output_write(fd, "x", 1));
	cr_assert_eq(errno, EPIPE);
	block(SIGPIPE);
	cr_assert(!output_write(fd, "x", 1));
	cr_assert(!take(SIGPIPE), "ours is taken");
}

Test(output, pending_for_the_thread)
{
	int fd = limited();

	block(SIGXFSZ);
	cr_assert_eq(pthread_kill(pthread_self(), SIGXFSZ), 0);
	cr_assert(!output_write(fd, "x", 1));
	cr_assert(take(SIGXFSZ), "the host's stays");
	cr_assert(!take(SIGXFSZ));
}

Test(output, pending_for_the_process)
{
	int fd = limited();

	block(SIGXFSZ);
	cr_assert_eq(kill(getpid(), SIGXFSZ), 0);
	cr_assert(!output_write(fd, "x", 1));
	cr_assert(take(SIGXFSZ), "the host's stays");
	cr_assert(!take(SIGXFSZ), "and ours does not");
}
