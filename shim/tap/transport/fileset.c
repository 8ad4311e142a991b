/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in a directory.
 */
#include "shim/tap/transport/fileset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPTS_MAX 100 /* against others who make files at the same time */

/* The numbers in use; 0 is PATH itself. */
struct numbers {
	uint32_t *list;
	size_t count, room;
};

static bool add(struct numbers *numbers, uint32_t number)
{
	if (numbers->count == numbers->room) {
		size_t room = numbers->room ? 2 * numbers->room : 64;
		uint32_t *list = realloc(numbers->list, room * sizeof(*list));
		if (!list)
			return false;
		numbers->list = list;
		numbers->room = room;
	}
	numbers->list[numbers->count++] = number;
	return true;
}

/* The number in `entry`, which may be `base` or base.NUMBER; -1: neither. */
static int64_t number_of(const char *entry, const char *base)
{
	size_t size = strlen(base);
	const char *digits = entry + size + 1;

	if (strncmp(entry, base, size))
		return -1;
	if (!entry[size])
		return 0;
	if (entry[size] != '.' || *digits < '1' || *digits > '9' ||
	    strlen(digits) > 9 || digits[strspn(digits, "0123456789")])
		return -1;
	return atol(digits);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static DIR *open_directory(const char *path)
{
	char directory[PATH_MAX];
	size_t size = base_of(path) - path;

	if (!size)
		return opendir(".");
	if (size >= sizeof(directory))
		return NULL;
	memcpy(directory, path, size);
	directory[size] = '\0';
	return opendir(directory);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Release ->list. */
static struct numbers find(const char *path)
{
	struct numbers numbers = { 0 };
	DIR *directory = open_directory(path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		int64_t number = number_of(entry->d_name, base_of(path));
		if (number >= 0 && !add(&numbers, number))
			break;
	}
	if (directory)
		closedir(directory);
	if (numbers.count)
		qsort(numbers.list, numbers.count, sizeof(*numbers.list),
		      compare);
	return numbers;
}

static int print_name(const char *path, uint32_t number, char *name,
		      size_t size)
{
	int n = number ? snprintf(name, size, "%s.%u", path, number)
		       : snprintf(name, size, "%s", path);

	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* Returns the fd, locked; -EEXIST also if another process, which removes a file
 * that nobody has locked, was there before the lock. */
static int make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
		      0640);
	struct stat about;

	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &about) &&
	    about.st_nlink)
		return fd;
	close(fd);
	return -EEXIST;
}

int fileset_create(const char *path, char *name, size_t size)
{
	struct numbers numbers = find(path);
	uint32_t number =
		numbers.count ? numbers.list[numbers.count - 1] + 1 : 0;
	int fd = -EEXIST;

	free(numbers.list);
	for (int i = 0; fd == -EEXIST && i < ATTEMPTS_MAX; i++) {
		fd = print_name(path, number++, name, size);
		if (!fd)
			fd = make(name);
	}
	return fd;
}

/* Without a call that making files does not take, for the sandbox's sake. */
void fileset_remove(const char *name, int fd)
{
	struct stat is, named;
	int found = open(name, O_PATH | O_CLOEXEC | O_NOFOLLOW);

	if (found < 0)
		return;
	if (!fstat(fd, &is) && !fstat(found, &named) &&
	    is.st_ino == named.st_ino && is.st_dev == named.st_dev)
		unlink(name);
	close(found);
}

/* Not one that another process is writing. */
static bool remove_one(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool unused = fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);

	if (unused)
		fileset_remove(name, fd);
	if (fd >= 0)
		close(fd);
	return unused;
}

void fileset_prune(const char *path, size_t count)
{
	struct numbers numbers = find(path);
	char name[PATH_MAX];
	size_t left = numbers.count;

	for (size_t i = 0; i < numbers.count && left > count; i++)
		if (!print_name(path, numbers.list[i], name, sizeof(name)) &&
		    remove_one(name))
			left--;
	free(numbers.list);
}
