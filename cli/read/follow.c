/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory looked at again and again. Files are known by their inodes and their
 * birth, as the number of one that was removed is soon another's.
 */
#include "cli/read/follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim/tap/transport/fileset.h"

#define DIGITS_MAX 9
#define STAMP_SIZE 17  /* ".20261231T235959Z" */
#define UNSEEN_MAX 100 /* readdir(3) may miss what is renamed meanwhile */

struct known {
	dev_t device;
	ino_t inode;
	struct statx_timestamp birth; /* zero where the file system has none */
	unsigned unseen;              /* looks that have not found it */
};

struct follow {
	char *directory, *base; /* the name, without a number behind it */
	struct known *list;
	size_t count;
	unsigned handed_out;
};

/* Where ".NUMBER" or ".TIME.NUMBER" begins, or the end. */
static size_t stem_size(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t digits = dot ? strspn(dot + 1, "0123456789") : 0;

	if (!digits || digits > DIGITS_MAX || dot[1 + digits] || dot == name)
		return strlen(name);
	size_t size = (size_t)(dot - name);
	return size > STAMP_SIZE &&
			       fileset_stamp(dot - STAMP_SIZE) == STAMP_SIZE
		       ? size - STAMP_SIZE
		       : size;
}

/* Of what the user names, that may be a tap's link. */
static size_t base_size(const char *name)
{
	size_t size = strlen(name), link = strlen(".current");

	return size > link && !strcmp(name + size - link, ".current")
		       ? size - link
		       : stem_size(name);
}

/* The place of an entry among new ones: what has PATH's own name is the newest.
 * Returns -1 if it is none of them. */
static int64_t place_of(const struct follow *follow, const char *entry)
{
	size_t size = strlen(follow->base);

	if (!strcmp(entry, follow->base))
		return INT64_MAX;
	if (stem_size(entry) != size || strncmp(entry, follow->base, size))
		return -1;
	return entry[size] ? atoll(strrchr(entry, '.') + 1) : -1;
}

/* `name`: in the directory; or "" for the fd itself. Returns false if that is no
 * file. */
static bool identify(int fd, const char *name, struct known *known)
{
	struct statx about;

	if (statx(fd, name, *name ? 0 : AT_EMPTY_PATH,
		  STATX_BASIC_STATS | STATX_BTIME, &about) ||
	    !S_ISREG(about.stx_mode))
		return false;
	*known = (struct known){
		.device = makedev(about.stx_dev_major, about.stx_dev_minor),
		.inode = about.stx_ino,
	};
	if (about.stx_mask & STATX_BTIME)
		known->birth = about.stx_btime;
	return true;
}

static struct known *find(struct follow *follow, const struct known *like)
{
	for (size_t i = 0; i < follow->count; i++) {
		struct known *known = &follow->list[i];

		if (known->device == like->device &&
		    known->inode == like->inode &&
		    known->birth.tv_sec == like->birth.tv_sec &&
		    known->birth.tv_nsec == like->birth.tv_nsec)
			return known;
	}
	return NULL;
}

static bool add(struct follow *follow, const struct known *known)
{
	struct known *list =
		reallocarray(follow->list, follow->count + 1, sizeof(*list));

	if (!list)
		return false;
	follow->list = list;
	list[follow->count++] = *known;
	return true;
}

/* The new entry that comes first. */
struct candidate {
	int64_t place; /* -1: there is none */
	struct known known;
	char name[NAME_MAX + 1];
};

static void consider(struct follow *follow, int directory, const char *entry,
		     struct candidate *best)
{
	int64_t place = place_of(follow, entry);
	struct known found, *known;

	if (place < 0 || !identify(directory, entry, &found))
		return;
	known = find(follow, &found);
	if (known)
		known->unseen = 0;
	if (known || (best->place >= 0 && best->place <= place))
		return;
	best->place = place;
	best->known = found;
	snprintf(best->name, sizeof(best->name), "%s", entry);
}

/* Those that have not been there for long. */
static void forget(struct follow *follow)
{
	size_t kept = 0;

	for (size_t i = 0; i < follow->count; i++)
		if (follow->list[i].unseen < UNSEEN_MAX)
			follow->list[kept++] = follow->list[i];
	follow->count = kept;
}

/* Returns 0 or -errno. */
static int look(struct follow *follow, struct candidate *best)
{
	DIR *directory = opendir(follow->directory);
	struct dirent *entry;

	if (!directory)
		return -errno;
	best->place = -1;
	for (size_t i = 0; i < follow->count; i++)
		follow->list[i].unseen++;
	while ((entry = readdir(directory)))
		consider(follow, dirfd(directory), entry->d_name, best);
	closedir(directory);
	forget(follow);
	return 0;
}

/* What is opened counts, whatever had the name a moment ago. */
static int open_file(struct follow *follow, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	struct known known;

	if (fd < 0)
		return -errno;
	if (!identify(fd, "", &known))
		error = -EINVAL;
	else if (!find(follow, &known) && !add(follow, &known))
		error = -ENOMEM;
	if (error)
		close(fd);
	return error ? error : fd;
}

int follow_next(struct follow *follow, char **name)
{
	struct candidate best;
	int fd = look(follow, &best);

	if (fd)
		return fd;
	if (best.place < 0)
		return -ENOENT;
	if (asprintf(name, "%s/%s", follow->directory, best.name) < 0)
		return -ENOMEM;
	fd = open_file(follow, *name);
	if (fd < 0)
		free(*name);
	else
		follow->handed_out++;
	return fd;
}

int follow_first(struct follow *follow, const char *path)
{
	return open_file(follow, path);
}

unsigned follow_count(const struct follow *follow)
{
	return follow->handed_out;
}

static bool note_all(struct follow *follow)
{
	struct candidate next;

	while (!look(follow, &next) && next.place >= 0)
		if (!add(follow, &next.known))
			return false;
	return true;
}

struct follow *follow_new(const char *path)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	const char *slash = strrchr(path, '/'),
		   *name = slash ? slash + 1 : path;

	if (!follow)
		return NULL;
	follow->directory = !slash          ? strdup(".")
			    : slash == path ? strdup("/")
					    : strndup(path, slash - path);
	follow->base = strndup(name, base_size(name));
	if (follow->directory && follow->base && note_all(follow))
		return follow;
	follow_free(follow);
	return NULL;
}

void follow_free(struct follow *follow)
{
	if (!follow)
		return;
	free(follow->list);
	free(follow->directory);
	free(follow->base);
	free(follow);
}
