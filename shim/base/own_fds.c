/* SPDX-License-Identifier: Apache-2.0
 *
 * A short list, searched from end to end. Taps claim entries of it at the same
 * time, while the hooks, on any thread, read and free them.
 */
#include "shim/base/own_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/sandbox.h"

#define OWN_MAX     2048 /* of a listening tap's hundred, and a few for others */
#define OWN_HIGHEST 65536 /* a higher number makes the kernel's table large */

_Atomic bool own_fds_sharing;

/* In ->number, which is the fd plus one otherwise. */
#define FREE   0
#define FILLED -1 /* by the tap that has claimed it; nobody else looks at it */

static struct own {
	_Atomic int number;
	dev_t device;
	ino_t inode;
} list[OWN_MAX];
static _Atomic size_t used; /* from here on all have always been free */

static struct own *find(int number)
{
	for (size_t i = 0; i < atomic_load(&used); i++)
		if (atomic_load(&list[i].number) == number)
			return &list[i];
	return NULL;
}

/* An entry for nobody but the caller; NULL: all are taken. */
static struct own *claim(void)
{
	for (size_t i = 0; i < OWN_MAX; i++) {
		size_t known = i;
		int number = FREE;

		atomic_compare_exchange_strong(&used, &known, i + 1);
		if (atomic_compare_exchange_strong(&list[i].number, &number,
						   FILLED))
			return &list[i];
	}
	return NULL;
}

/* A child has its own copies, of connections that are not its. */
static void drop_all(void)
{
	for (size_t i = 0; i < atomic_load(&used); i++)
		own_fds_close(atomic_load(&list[i].number) - 1);
	atomic_store(&own_fds_sharing, false);
}

void own_fds_share(void)
{
	static _Atomic bool registered;

	if (!atomic_exchange(&registered, true))
		pthread_atfork(NULL, NULL, drop_all);
	atomic_store(&own_fds_sharing, true);
}

/* An eighth of the numbers that there may be, at their end. */
static int lowest(void)
{
	struct rlimit limit;

	if (!sandbox_allows(SYS_prlimit64) || getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	int end = limit.rlim_cur < OWN_HIGHEST ? (int)limit.rlim_cur
					       : OWN_HIGHEST;
	return end - end / 8;
}

/* Moves it out of the host's way, if possible. */
static int move_up(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, lowest());

	if (high < 0)
		return fd;
	close(fd);
	return high;
}

int own_fds_take(int fd)
{
	struct stat about;

	if (!own_fds_shares() || fd < 0 || find(fd + 1))
		return fd;
	struct own *entry = claim();
	if (!entry || fstat(fd, &about)) {
		if (entry)
			atomic_store(&entry->number, FREE);
		close(fd);
		errno = EMFILE;
		return -1;
	}
	fd = move_up(fd);
	entry->device = about.st_dev;
	entry->inode = about.st_ino;
	atomic_store(&entry->number, fd + 1);
	return fd;
}

bool own_fds_intact(int fd)
{
	struct stat about;

	if (!own_fds_shares())
		return true;
	struct own *entry = fd >= 0 ? find(fd + 1) : NULL;
	return entry && !fstat(fd, &about) && about.st_dev == entry->device &&
	       about.st_ino == entry->inode;
}

void own_fds_close(int fd)
{
	bool intact = fd >= 0 && own_fds_intact(fd);

	own_fds_lose(fd); /* from here on close() takes the number */
	if (intact)
		close(fd);
}

bool own_fds_has(int fd)
{
	return own_fds_shares() && fd >= 0 && find(fd + 1);
}

int own_fds_next(unsigned first, unsigned last)
{
	int next = -1;

	for (size_t i = 0; own_fds_shares() && i < atomic_load(&used); i++) {
		int fd = atomic_load(&list[i].number) - 1;

		if (fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last &&
		    (next < 0 || fd < next))
			next = fd;
	}
	return next;
}

void own_fds_lose(int fd)
{
	struct own *entry = fd >= 0 ? find(fd + 1) : NULL;

	if (entry)
		atomic_store(&entry->number, FREE);
}
