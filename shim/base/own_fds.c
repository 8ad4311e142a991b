/* SPDX-License-Identifier: Apache-2.0
 *
 * A short list, searched from end to end. Taps claim entries of it at the same
 * time, while the hooks, on any thread, read and free them.
 */
#include "shim/base/own_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

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

/*
 * Taking turns. Each side says that it comes before it looks at the other. A tap
 * that sees the host come steps back; the host waits for taps that were there
 * before, but not for long: one of them may be held up by a slow disk.
 *
 * A thread of the host's may also jump out of its turn. Then the taps count it out
 * after a while, and its own end, should it come, is of a turn that is over.
 */
#define HOST_PATIENCE_NS (50 * NS_PER_MS)
#define TAP_PATIENCE_NS  (200 * NS_PER_MS)

static _Atomic uint32_t taps_at_it;
static _Atomic uint64_t host_at_it; /* its calls; in the upper half: the turn */
static _Atomic bool waited_in_vain; /* until that tap has ended */
static _Thread_local unsigned nested;

static bool tap_is_at_it(void)
{
	return atomic_load(&taps_at_it) && !atomic_load(&waited_in_vain);
}

static bool host_is_at_it(void)
{
	return (uint32_t)atomic_load(&host_at_it);
}

/* Returns false if `busy` still holds after so long a time. */
static bool await_not(bool (*busy)(void), uint64_t patience_ns)
{
	uint64_t began = clock_steady();
	bool yields = sandbox_allows(SYS_sched_yield);

	while (busy()) {
		if (clock_steady() - began > patience_ns)
			return false;
		if (yields)
			sched_yield();
	}
	return true;
}

void own_fds_begin(void)
{
	if (!own_fds_shares() || nested++)
		return;
	atomic_fetch_add(&taps_at_it, 1);
	while (host_is_at_it()) {
		uint64_t seen = atomic_load(&host_at_it);

		atomic_fetch_sub(&taps_at_it, 1);
		if (!await_not(host_is_at_it, TAP_PATIENCE_NS))
			atomic_compare_exchange_strong(
				&host_at_it, &seen, ((seen >> 32) + 1) << 32);
		atomic_fetch_add(&taps_at_it, 1);
	}
}

void own_fds_end(void)
{
	if (!nested || --nested)
		return;
	atomic_store(&waited_in_vain, false);
	atomic_fetch_sub(&taps_at_it, 1);
}

uint32_t own_fds_replace(void)
{
	int saved = errno;

	if (!own_fds_shares() || thread_is_untraced())
		return 0;
	uint32_t turn = atomic_fetch_add(&host_at_it, 1) >> 32;
	if (!await_not(tap_is_at_it, HOST_PATIENCE_NS))
		atomic_store(&waited_in_vain, true);
	errno = saved;
	return turn;
}

void own_fds_replaced(uint32_t turn)
{
	uint64_t now = atomic_load(&host_at_it);

	if (!own_fds_shares() || thread_is_untraced())
		return;
	while (now >> 32 == turn && (uint32_t)now &&
	       !atomic_compare_exchange_weak(&host_at_it, &now, now - 1))
		;
}

/* A child has its own copies, of connections that are not its. */
static void drop_all(void)
{
	atomic_store(&taps_at_it, 0);
	atomic_store(&host_at_it, 0);
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

/* Also for a child that forks, on the host's own thread. */
static const struct sandbox_call looking[] = {
	{ .number = SYS_newfstatat },
	{ .number = SYS_fstat },
	{ .number = SYS_close },
	{ .number = -1 },
};

bool own_fds_intact(int fd)
{
	struct stat about;

	if (!own_fds_shares())
		return true;
	struct own *entry = fd >= 0 ? find(fd + 1) : NULL;
	return entry && sandbox_spares(looking) && !fstat(fd, &about) &&
	       about.st_dev == entry->device && about.st_ino == entry->inode;
}

void own_fds_close(int fd)
{
	own_fds_begin();
	bool intact = fd >= 0 && own_fds_intact(fd);

	own_fds_lose(fd); /* from here on close() takes the number */
	if (intact)
		close(fd);
	own_fds_end();
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
