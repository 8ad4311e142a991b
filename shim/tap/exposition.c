/* SPDX-License-Identifier: Apache-2.0
 *
 * The families of samples, and how they get into the file.
 */
#include "shim/tap/exposition.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/base/output.h"
#include "shim/base/own_fds.h"
#include "shim/base/process.h"

#define BUILD    "dnstapshim_build_info"
#define ATTEMPTS 8 /* to find a name that nobody has taken */

static const struct exposition_family families[] = {
#define FAMILY(name, type, member, help)                        \
	{                                                       \
		"dnstapshim_" name, type, help,                 \
			offsetof(struct exposition_tap, member) \
	}
	FAMILY("captured_total", "counter", counts.captured,
	       "DNS messages seen for this tap."),
	FAMILY("sent_total", "counter", counts.sent,
	       "Messages handed to the endpoint."),
	FAMILY("sent_bytes_total", "counter", counts.octets,
	       "Octets of frames handed to the endpoint."),
	FAMILY("skipped_total", "counter", counts.skipped,
	       "Messages that the tap's types, sample or filters leave out."),
	FAMILY("queued", "gauge", counts.queued,
	       "Messages captured, but not yet sent."),
	FAMILY("queue_high_water", "gauge", counts.queued_most,
	       "The most messages ever queued."),
	FAMILY("queue_capacity", "gauge", capacity,
	       "Messages that the queue is sure to hold."),
	FAMILY("up", "gauge", counts.up,
	       "Collectors that take messages: 0 or 1, more where they connect."),
	FAMILY("connects_total", "counter", counts.connects,
	       "Connections on which messages could be sent."),
	FAMILY("disconnects_total", "counter", counts.disconnects,
	       "Such connections that were lost."),
	FAMILY("handshake_failures_total", "counter", counts.handshake_failures,
	       "Connections that failed before messages could be sent."),
	FAMILY("missed_total", "counter", counts.missed,
	       "Messages that a collector among several did not get."),
};

#define FAMILIES ARRAY_SIZE(families)

/* The capacity is no counter, and each cause of drops is one. */
_Static_assert((FAMILIES - 1 + DROP_CAUSE_COUNT) * sizeof(uint64_t) ==
		       sizeof(struct metrics_counts),
	       "every counter is shown");

const struct exposition_family *exposition_family(size_t n)
{
	return n < FAMILIES ? &families[n] : NULL;
}

/* A part is written where there is no room for the rest. */
static void flush(struct exposition *out)
{
	errno = ENOSPC;
	if (!out->error && !output_write(out->fd, out->text, out->used))
		out->error = -errno;
	out->used = 0;
}

static void put_octet(struct exposition *out, char octet)
{
	if (out->used == sizeof(out->text))
		flush(out);
	out->text[out->used++] = octet;
}

static void put(struct exposition *out, const char *text)
{
	while (*text)
		put_octet(out, *text++);
}

static void put_number(struct exposition *out, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	put(out, digits);
}

static void put_label(struct exposition *out, const char *name,
		      const char *value)
{
	put(out, name);
	put(out, "=\"");
	for (; *value; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			put_octet(out, '\\');
		put_octet(out, *value == '\n' ? 'n' : *value);
	}
	put(out, "\"");
}

static void put_heading(struct exposition *out, const char *name,
			const char *help, const char *type)
{
	put(out, "# HELP ");
	put(out, name);
	put(out, " ");
	put(out, help);
	put(out, "\n# TYPE ");
	put(out, name);
	put(out, " ");
	put(out, type);
	put(out, "\n");
}

static void put_process(struct exposition *out)
{
	put_label(out, "program", out->program);
	put(out, ",process=\"");
	put_number(out, out->process);
	put(out, "\"");
}

/* As a comment, and as a sample. */
static void put_build(struct exposition *out, const char *name)
{
	put(out, name);
	put(out, "{");
	put_label(out, "version", DNSTAPSHIM_VERSION);
	put(out, ",");
	put_process(out);
	put(out, "} 1\n");
}

/* `cause`: NULL where the value is not that of one. */
static void put_sample(struct exposition *out, const char *name,
		       const struct exposition_tap *tap, const char *cause,
		       uint64_t value)
{
	put(out, name);
	put(out, "{");
	put_label(out, "tap", tap->socket);
	put(out, ",index=\"");
	put_number(out, tap->index);
	put(out, "\"");
	if (cause) {
		put(out, ",");
		put_label(out, "cause", cause);
	}
	put(out, ",");
	put_process(out);
	put(out, "} ");
	put_number(out, value);
	put(out, "\n");
}

static void put_family(struct exposition *out,
		       const struct exposition_family *family)
{
	put_heading(out, family->name, family->help, family->type);
	for (size_t i = 0; i < out->taps; i++) {
		uint64_t value;

		memcpy(&value, (const char *)&out->tap[i] + family->offset,
		       sizeof(value));
		put_sample(out, family->name, &out->tap[i], NULL, value);
	}
}

static void put_dropped(struct exposition *out)
{
	put_heading(out, EXPOSITION_DROPPED,
		    "Messages that are not in the log, by cause.", "counter");
	for (size_t i = 0; i < out->taps; i++)
		for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
			put_sample(out, EXPOSITION_DROPPED, &out->tap[i],
				   drop_names[cause],
				   out->tap[i].counts.dropped[cause]);
}

bool exposition_expand(char *to, size_t room, const char *path, pid_t pid)
{
	size_t at = 0;

	for (; *path && at < room; path++) {
		if (path[0] == '%' && path[1] == 'p') {
			at += snprintf(to + at, room - at, "%ld", (long)pid);
			path++;
		} else {
			to[at++] = *path;
		}
	}
	if (at >= room)
		return false;
	to[at] = '\0';
	return true;
}

/*
 * A new file beside the one that it will replace, under a name that is this
 * process's own. One that is there already was left by a process that was killed,
 * or put there by somebody else: it is taken away if that is allowed, never
 * opened, and another name is used. Nobody else can open it, and so lock it, before
 * we have.
 */
static int create(struct exposition *out)
{
	char again[24] = "";
	int fd = -1;

	for (int i = 0; fd < 0 && i < ATTEMPTS; i++) {
		snprintf(out->partial, sizeof(out->partial), "%s.%ld%s.new",
			 out->path, (long)process_id(), again);
		fd = open(out->partial,
			  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW |
				  O_NONBLOCK,
			  0600);
		if (fd >= 0 || errno != EEXIST)
			break;
		unlink(out->partial);
		errno = EEXIST;
		snprintf(again, sizeof(again), "-%" PRIx64, clock_wall());
	}
	return fd;
}

static void put_owner(struct exposition *out)
{
	put_build(out, out->unlocked ? EXPOSITION_OWNER EXPOSITION_UNLOCKED
				     : EXPOSITION_OWNER);
}

static void put_all(struct exposition *out)
{
	put_heading(out, BUILD, "The version of the library.", "gauge");
	put_build(out, BUILD);
	for (size_t i = 0; i < FAMILIES; i++)
		put_family(out, &families[i]);
	put_dropped(out);
}

static bool lock_file(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_OFD_SETLK, &whole);
}

/* Also by somebody who may only read it: it is not taken over then, and no more. */
bool exposition_is_locked(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_OFD_GETLK, &whole) && whole.l_type != F_UNLCK;
}

bool exposition_is_named(int directory, const char *name, dev_t device,
			 ino_t inode)
{
	struct stat named;

	return !fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       named.st_dev == device && named.st_ino == inode;
}

int exposition_hold(int directory, const char *name, dev_t device, ino_t inode)
{
	int fd = openat(directory, name,
			O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat about;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &about) && about.st_dev == device &&
	    about.st_ino == inode && lock_file(fd) &&
	    exposition_is_named(directory, name, device, inode))
		return fd;
	close(fd);
	return -1;
}

static void drop(struct exposition *out, const int *lock)
{
	if (lock)
		own_fds_close(out->fd);
	else if (close(out->fd) && !out->error)
		out->error = -errno;
}

/* The lock of the file before goes with its last fd. */
static void keep(struct exposition *out, int *lock)
{
	if (*lock > 0)
		own_fds_close(*lock);
	*lock = out->fd;
}

/* Not every file system can leave alone what is there. */
static int change_name(const struct exposition *out)
{
	if (out->gently) {
		if (!renameat2(AT_FDCWD, out->partial, AT_FDCWD, out->path,
			       RENAME_NOREPLACE))
			return 0;
		if (errno == EEXIST)
			return -1;
	}
	return rename(out->partial, out->path);
}

static int put_in_place(struct exposition *out, int *lock)
{
	struct stat about = { 0 };

	/* Whoever scrapes it is another user, and a server's umask may be 077. */
	fchmod(out->fd, 0644);
	fstat(out->fd, &about);
	if (!lock)
		drop(out, lock);
	if (!out->error && change_name(out))
		out->error = -errno;
	if (out->error) {
		unlink(out->partial);
		if (lock)
			drop(out, lock);
		return out->error;
	}
	if (lock)
		keep(out, lock);
	out->holder = lock;
	out->device = about.st_dev;
	out->inode = about.st_ino;
	return 0;
}

static int replace(struct exposition *out, const char *path, int *lock,
		   void (*put_text)(struct exposition *out))
{
	if (!exposition_expand(out->path, sizeof(out->path), path,
			       process_id()))
		return -ENAMETOOLONG;
	out->error = 0;
	out->used = 0;
	out->fd = create(out);
	if (lock)
		out->fd = own_fds_take(out->fd);
	if (out->fd < 0) {
		out->error = -errno;
		if (lock && out->error == -EMFILE)
			unlink(out->partial);
		return out->error;
	}
	out->unlocked = lock && !lock_file(out->fd);
	put_owner(out);
	if (put_text)
		put_text(out);
	flush(out);
	if (!put_in_place(out, lock))
		out->shows = put_text;
	return out->error;
}

int exposition_replace(struct exposition *out, const char *path, int *lock)
{
	out->gently = false;
	return replace(out, path, lock, put_all);
}

int exposition_claim(struct exposition *out, const char *path, int *lock,
		     bool gently)
{
	out->gently = gently;
	return replace(out, path, lock, NULL);
}
