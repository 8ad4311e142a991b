/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing what is open, and nothing else.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "shim/base/fds.h"

#define MANY 300 /* more than one list holds */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* In a table of its own, as a tap's thread does it. */
static void *close_own(void *failed)
{
	int fd[MANY];

	unshare(CLONE_FILES);
	for (int i = 0; i < MANY; i++)
		fd[i] = dup(STDERR_FILENO);
	bool good = fds_listed() && fds_close_from(fd[1]);
	good &= is_open(fd[0]) && is_open(STDERR_FILENO);
	for (int i = 1; i < MANY; i++)
		good &= !is_open(fd[i]);
	return good ? NULL : failed;
}

Test(fds, are_closed_from_a_number_on)
{
	pthread_t thread;
	void *failed;
	int kept = dup(STDERR_FILENO);

	cr_assert_eq(pthread_create(&thread, NULL, close_own, &kept), 0);
	pthread_join(thread, &failed);
	cr_assert_null(failed);
	cr_assert(is_open(kept), "of another thread's table");
}
