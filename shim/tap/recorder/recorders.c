/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding and holding. A file's lock is what tells a recorder that waits from one
 * that is at work, or that a successor is just sending.
 */
#include "shim/tap/recorder/recorders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS "0123456789"

/* Where .PID.TAP begins in PROGRAM.PID.TAP, and .PID.TAP-N if there was one; NULL:
 * it has another form. */
static const char *suffix_of(const char *name)
{
	const char *at = strrchr(name, '.'), *end;

	if (!at || !strspn(at + 1, DIGITS))
		return NULL;
	end = at + 1 + strspn(at + 1, DIGITS);
	if (*end == '-' && strspn(end + 1, DIGITS))
		end += 1 + strspn(end + 1, DIGITS);
	if (*end)
		return NULL;
	for (end = at--; at > name && *at >= '0' && *at <= '9';)
		at--;
	return at > name && *at == '.' && end - at > 1 ? at : NULL;
}

/* The library has printing characters only; others may stand in a directory that
 * they can write to. */
static bool is_name(const char *name)
{
	for (const char *at = name; *at; at++)
		if (*at <= ' ' || *at > '~')
			return false;
	return *name != '.' && suffix_of(name);
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *recorders_program(const char *path)
{
	const char *name = name_of(path);
	const char *suffix = suffix_of(name);

	return suffix ? strndup(name, suffix - name) : strdup(name);
}

bool recorders_are_of(const char *path, const char *program)
{
	const char *name = name_of(path), *suffix = suffix_of(name);
	size_t size = strlen(program);

	return suffix == name + size && !memcmp(name, program, size);
}

static int hold_by(int fd, enum recorders_hold how, char error[IMAGE_ERROR_MAX])
{
	struct stat status;

	if (how == RECORDERS_WATCH)
		return 0;
	if (flock(fd, (how == RECORDERS_OWN ? LOCK_EX : LOCK_SH) | LOCK_NB)) {
		snprintf(error, IMAGE_ERROR_MAX,
			 "is in use: by the process that writes it, which "
			 "lives, or by one that is just sending its messages");
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	}
	/* Who had it before may have removed it when all of it was sent. */
	if (fstat(fd, &status) || !status.st_nlink) {
		snprintf(error, IMAGE_ERROR_MAX,
			 "has just been removed: its messages were sent");
		return -ENOENT;
	}
	return 0;
}

int recorders_open(const char *path, enum recorders_hold how,
		   char error[IMAGE_ERROR_MAX])
{
	int fd = image_open(path, error);
	int result = fd < 0 ? fd : hold_by(fd, how, error);

	if (!result)
		return fd;
	if (fd >= 0)
		close(fd);
	return result;
}

int recorders_remove(const char *path, int fd)
{
	struct stat held, named;

	if (fstat(fd, &held) || lstat(path, &named))
		return -errno;
	if (held.st_ino != named.st_ino || held.st_dev != named.st_dev)
		return -ESTALE;
	return unlink(path) ? -errno : 0;
}

/* Returns 0 or -ENOMEM. */
static int add(struct recorders *found, char *path, struct timespec made)
{
	struct recorders_file *file =
		realloc(found->file, (found->n + 1) * sizeof(*found->file));

	if (!file)
		return -ENOMEM;
	found->file = file;
	file[found->n++] = (struct recorders_file){ path, made };
	return 0;
}

/* One that is empty has just been made, or holds nothing. */
static int consider(struct recorders *found, const char *directory,
		    const char *name, enum recorders_hold hold)
{
	char error[IMAGE_ERROR_MAX], *path;
	struct stat status;
	int fd, result = 0;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	fd = recorders_open(path, hold, error);
	/* What may not be opened is there all the same. */
	if (fd >= 0 ? !fstat(fd, &status) && status.st_size > 0
		    : fd == -EACCES && !stat(path, &status))
		result = add(found, path, status.st_mtim);
	else
		free(path);
	if (fd >= 0)
		close(fd);
	return result;
}

static int by_age(const void *left, const void *right)
{
	const struct recorders_file *a = left, *b = right;

	if (a->made.tv_sec != b->made.tv_sec)
		return a->made.tv_sec < b->made.tv_sec ? -1 : 1;
	if (a->made.tv_nsec != b->made.tv_nsec)
		return a->made.tv_nsec < b->made.tv_nsec ? -1 : 1;
	return strcmp(a->path, b->path);
}

int recorders_find(struct recorders *found, const char *directory,
		   enum recorders_hold hold)
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;
	int result = 0;

	*found = (struct recorders){ 0 };
	if (!entries)
		return -errno;
	while (!result && (entry = readdir(entries)))
		if (is_name(entry->d_name))
			result =
				consider(found, directory, entry->d_name, hold);
	closedir(entries);
	if (found->n)
		qsort(found->file, found->n, sizeof(*found->file), by_age);
	return result;
}

void recorders_free(struct recorders *recorders)
{
	for (size_t i = 0; i < recorders->n; i++)
		free(recorders->file[i].path);
	free(recorders->file);
	*recorders = (struct recorders){ 0 };
}
