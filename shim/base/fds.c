/* SPDX-License-Identifier: Apache-2.0
 *
 * proc_pid_fd(5), without the memory that opendir(3) allocates. The list goes by
 * the numbers, upwards, so that closing those it has shown does not disturb it.
 */
#include "shim/base/fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/sandbox.h"

/* Not /proc/self, which is the main thread's. */
#define TABLE "/proc/thread-self/fd"

static const struct sandbox_call listing[] = {
	{ .number = SYS_faccessat },
	{ .number = SYS_faccessat2 },
	{ .number = SYS_openat },
	{ .number = SYS_getdents64 },
	{ .number = -1 },
};

bool fds_listed(void)
{
	return sandbox_spares(listing) &&
	       !faccessat(AT_FDCWD, TABLE, R_OK | X_OK, 0);
}

/* -1: "." and "..". */
static int number_of(const char *name)
{
	int number = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		number = 10 * number + *name - '0';
	return *name ? -1 : number;
}

static void close_listed(const char *list, long size, int first, int spared)
{
	for (long at = 0; at < size;) {
		const struct dirent64 *entry = (const void *)(list + at);
		int fd = number_of(entry->d_name);

		if (fd >= first && fd != spared)
			close(fd);
		at += entry->d_reclen;
	}
}

bool fds_close_from(int first)
{
	_Alignas(struct dirent64) char list[2048];
	int table = open(TABLE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long size;

	if (table < 0)
		return false;
	while ((size = syscall(SYS_getdents64, table, list, sizeof(list))) > 0)
		close_listed(list, size, first, table);
	close(table);
	return size == 0;
}
