/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that asks is itself awake: the numbers of threads, which are others in
 * another namespace, need not be known.
 */
#include "shim/base/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

#define TABLE "/proc/self/task"

/* Room for "NUMBER (NAME) S", and for "NUMBER/syscall". */
#define TEXT_ROOM 64
#define PATH_ROOM 32

/* How many there are: of all but ours, and of those that are awake. */
struct census {
	unsigned all, awake;
	bool failed;
	threads_waits *waits;
};

static int open_of(int table, const char *task, const char *leaf)
{
	char path[PATH_ROOM];
	size_t length = strnlen(task, PATH_ROOM / 2);

	memcpy(path, task, length);
	strcpy(path + length, leaf);
	return openat(table, path, O_RDONLY | O_CLOEXEC);
}

/* By an offset, which is for files only: should a thread of the host's put something
 * else under the number, it loses nothing, and nobody waits for it. Returns what was
 * read, 0 where the thread has gone, or -1. */
static ssize_t read_of(int table, const char *task, const char *leaf,
		       char text[TEXT_ROOM])
{
	int fd = open_of(table, task, leaf);

	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	ssize_t size = pread(fd, text, TEXT_ROOM, 0);
	if (size < 0 && errno == ESRCH)
		size = 0;
	close(fd);
	return size;
}

static bool is_ours(const char *name, const char *end)
{
	static const char ours[] = THREAD_NAME;

	return end - name == sizeof(ours) - 1 &&
	       !memcmp(name, ours, sizeof(ours) - 1);
}

/* Of the digits at the beginning, up to anything else; -1: there are none. */
static int number_of(const char *text, size_t size)
{
	int number = -1;

	for (; size && *text >= '0' && *text <= '9'; text++, size--)
		number = 10 * (number < 0 ? 0 : number) + *text - '0';
	return number;
}

static void tell(const struct census *census, int table, const char *task)
{
	char text[TEXT_ROOM];
	ssize_t size = read_of(table, task, "/syscall", text);
	int number = size > 0 ? number_of(text, size) : -1;

	if (number >= 0)
		census->waits(number_of(task, PATH_ROOM), number);
}

/* Anything may be in a name, and no bracket behind it. Returns whether the thread is
 * one of the host's that is asleep. */
static bool count(struct census *census, const char *text, size_t size)
{
	const char *name = memchr(text, '(', size);
	const char *end = memrchr(text, ')', size);

	if (!name || !end || end + 2 >= text + size) {
		census->failed = true;
		return false;
	}
	if (is_ours(name + 1, end))
		return false;
	census->all++;
	census->awake += end[2] == 'R' || end[2] == 'D';
	return end[2] == 'S';
}

static void look_at(struct census *census, int table, const char *task)
{
	char text[TEXT_ROOM];

	if (*task == '.')
		return;
	ssize_t size = read_of(table, task, "/stat", text);
	if (size > 0 && count(census, text, size) && census->waits)
		tell(census, table, task);
	else if (size < 0)
		census->failed = true;
}

static bool is_decided(const struct census *census)
{
	return census->failed || census->awake > 1;
}

static void look_at_listed(struct census *census, int table, const char *list,
			   long size)
{
	for (long at = 0; at < size && !is_decided(census);) {
		const struct dirent64 *entry = (const void *)(list + at);

		look_at(census, table, entry->d_name);
		at += entry->d_reclen;
	}
}

static struct census take_census(int table, threads_waits *waits)
{
	_Alignas(
		struct dirent64) char list[512]; /* perhaps a handler's stack */
	struct census census = { .waits = waits };
	long size = 1;

	while (size > 0 && !is_decided(&census)) {
		size = syscall(SYS_getdents64, table, list, sizeof(list));
		look_at_listed(&census, table, list, size);
	}
	census.failed |= size < 0;
	return census;
}

enum threads threads_look(threads_waits *waits)
{
	if (!sandbox_spares(sandbox_threads))
		return THREADS_UNKNOWN;
	int table = open(TABLE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (table < 0)
		return THREADS_UNKNOWN;
	struct census census = take_census(table, waits);
	close(table);
	if (census.failed || !census.awake)
		return THREADS_UNKNOWN;
	if (census.all == 1)
		return THREADS_NONE;
	return census.awake > 1 ? THREADS_AWAKE : THREADS_ASLEEP;
}
