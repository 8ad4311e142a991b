/* SPDX-License-Identifier: Apache-2.0
 *
 * Names in a directory.
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

#include "shim/base/clock.h"

#define ATTEMPTS_MAX 100 /* against others who make files at the same time */
#define DIGITS_MAX   9
#define NUMBER_MAX   999999999

#define STAMP_SIZE 17 /* ".20261231T235959Z" */

/* A file of PATH. */
struct entry {
	uint32_t number; /* 0: without one */
	bool packed;     /* compressed, and so finished and no longer ours */
	char stamp[STAMP_SIZE + 1]; /* or "" */
};

struct entries {
	struct entry *list;
	size_t count, room;
};

static bool add(struct entries *entries, const struct entry *entry)
{
	if (entries->count == entries->room) {
		size_t room = entries->room ? 2 * entries->room : 64;
		struct entry *list =
			realloc(entries->list, room * sizeof(*list));
		if (!list)
			return false;
		entries->list = list;
		entries->room = room;
	}
	entries->list[entries->count++] = *entry;
	return true;
}

size_t fileset_stamp(const char *text)
{
	static const char form[] = ".00000000T000000Z";
	size_t i = 0;

	for (; i < STAMP_SIZE; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9'
				   : text[i] != form[i])
			return 0;
	return i;
}

/* What a file has behind its name when it has been compressed. */
static size_t packing_size(const char *text)
{
	size_t size = strlen(text);

	if (size >= 3 && !strcmp(text + size - 3, ".gz"))
		return 3;
	return size >= 4 && !strcmp(text + size - 4, ".zst") ? 4 : 0;
}

/* Is `name` of the form BASE, or BASE[.STAMP].NUMBER, or that compressed? */
static bool parse(const char *name, const char *base, struct entry *entry)
{
	size_t size = strlen(base);
	const char *at = name + size;

	if (strncmp(name, base, size))
		return false;
	size_t packing = packing_size(at), stamp = fileset_stamp(at);
	*entry = (struct entry){ .packed = packing > 0 };
	memcpy(entry->stamp, at, stamp);
	at += stamp;
	size = strlen(at) - packing;
	if (!size)
		return !stamp;
	if (*at++ != '.' || *at < '1' || *at > '9' ||
	    strspn(at, "0123456789") != --size || size > DIGITS_MAX)
		return false;
	entry->number = strtoul(at, NULL, 10);
	return true;
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
	const struct entry *x = a, *y = b;

	if (x->number != y->number)
		return x->number > y->number ? 1 : -1;
	return strcmp(x->stamp, y->stamp);
}

/* The oldest first. Release ->list. */
static struct entries find(const char *path)
{
	struct entries entries = { 0 };
	DIR *directory = open_directory(path);
	struct dirent *found;
	struct entry entry;

	while (directory && (found = readdir(directory)))
		if (parse(found->d_name, base_of(path), &entry) &&
		    !add(&entries, &entry))
			break;
	if (directory)
		closedir(directory);
	if (entries.count)
		qsort(entries.list, entries.count, sizeof(*entries.list),
		      compare);
	return entries;
}

static int print_name(const char *path, const struct entry *entry, char *name,
		      size_t size)
{
	int n = entry->number ? snprintf(name, size, "%s%s.%u", path,
					 entry->stamp, entry->number)
			      : snprintf(name, size, "%s", path);

	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* -EEXIST: another process, which removes a file that nobody has locked, was there
 * before. */
static int lock(int fd)
{
	struct stat about;

	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EEXIST : -errno;
	if (fstat(fd, &about))
		return -errno;
	return about.st_nlink ? 0 : -EEXIST;
}

/* Returns the fd, locked. Where a file system has no locks, no file of ours is left:
 * one more would be at each attempt. */
static int make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
		      0640);

	if (fd < 0)
		return -errno;
	int error = lock(fd);
	if (!error)
		return fd;
	if (error != -EEXIST)
		fileset_remove(name, fd);
	close(fd);
	return error;
}

/* RFC 3339's basic form: no name is to have a colon in it. */
static void print_stamp(uint64_t wall_ns, char stamp[STAMP_SIZE + 1])
{
	char text[CLOCK_TEXT_MAX];

	clock_print(text, wall_ns);
	*stamp++ = '.';
	for (const char *at = text; *at; at++)
		if (*at != '-' && *at != ':')
			*stamp++ = *at;
	*stamp = '\0';
}

/* Numbers go up whatever the clock does. Nobody has come to the last one: who can write
 * to the directory has put it there, and what goes on is what stands below. */
static struct entry next_of(const struct entries *entries, uint64_t wall_ns)
{
	struct entry next = { .number = wall_ns ? 1 : 0 };
	uint64_t above = NUMBER_MAX + 1ull;

	for (size_t i = entries->count; i--;) {
		next.number = entries->list[i].number + 1;
		if (next.number < above)
			break;
		above = entries->list[i].number;
	}
	if (wall_ns)
		print_stamp(wall_ns, next.stamp);
	return next;
}

int fileset_create(const char *path, uint64_t wall_ns, char *name, size_t size)
{
	struct entries entries = find(path);
	struct entry next = next_of(&entries, wall_ns);
	int fd = -EEXIST;

	free(entries.list);
	for (int i = 0; fd == -EEXIST && i < ATTEMPTS_MAX; i++) {
		fd = print_name(path, &next, name, size);
		if (!fd)
			fd = make(name);
		next.number++;
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

/* A file of another user's is not one of the log's. */
static bool is_of(const char *name, uid_t owner)
{
	struct stat about;
	int fd = open(name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	bool is = fd >= 0 && !fstat(fd, &about) && about.st_uid == owner;

	if (fd >= 0)
		close(fd);
	return is;
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

void fileset_prune(const char *path, size_t count, int own)
{
	struct entries entries = find(path);
	char name[PATH_MAX];
	struct stat about;
	size_t left = 0, kept = 0;

	if (fstat(own, &about))
		entries.count = 0;
	for (size_t i = 0; i < entries.count; i++)
		if (!entries.list[i].packed &&
		    !print_name(path, &entries.list[i], name, sizeof(name)) &&
		    is_of(name, about.st_uid))
			entries.list[left++] = entries.list[i];
	for (size_t i = 0; i < left && left - i + kept > count; i++) {
		print_name(path, &entries.list[i], name, sizeof(name));
		kept += !remove_one(name);
	}
	free(entries.list);
}

/* Nothing but a link is replaced. */
static bool may_be_linked(const char *link)
{
	char target[1];

	return readlink(link, target, sizeof(target)) >= 0 || errno == ENOENT;
}

int fileset_link(const char *path, const char *name, unsigned process)
{
	char link[PATH_MAX], fresh[PATH_MAX];
	int size = snprintf(link, sizeof(link), "%s.current", path);
	int error = 0;

	if (size < 0 || (size_t)size >= sizeof(link) ||
	    snprintf(fresh, sizeof(fresh), "%s.%u", link, process) >=
		    (int)sizeof(fresh))
		return -ENAMETOOLONG;
	if (!may_be_linked(link) || !may_be_linked(fresh))
		return -EEXIST;
	unlink(fresh); /* of a process that has died in here */
	if (symlink(base_of(name), fresh))
		return -errno;
	if (rename(fresh, link)) {
		error = -errno;
		unlink(fresh);
	}
	return error;
}
