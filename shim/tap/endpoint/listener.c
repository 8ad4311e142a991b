/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets.
 */
#include "shim/tap/endpoint/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "shim/base/own_fds.h"
#include "shim/tap/transport/unix.h"

#define FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static int listen_on(int fd, const struct sockaddr *name, socklen_t size)
{
	if (fd < 0 || bind(fd, name, size) || listen(fd, LISTENER_BACKLOG)) {
		int error = errno;
		if (fd >= 0)
			own_fds_close(fd);
		return -error;
	}
	return fd;
}

static int open_tcp(const struct resolver_address *to)
{
	int family = to->name.ss_family, on = 1;
	int fd = own_fds_take(socket(family, FLAGS, 0));

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				   sizeof(on));
	}
	return listen_on(fd, (const struct sockaddr *)&to->name, to->size);
}

/* An address that this machine does not have is none to listen on. */
static bool is_absent(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int open_all(struct listener *listener, const struct resolver_answer *to)
{
	int first = -EADDRNOTAVAIL;

	for (size_t i = 0;
	     i < to->count && listener->count < LISTENER_SOCKETS_MAX; i++) {
		int fd = open_tcp(&to->address[i]);
		if (fd >= 0)
			listener->fd[listener->count++] = fd;
		else if (!is_absent(fd))
			return fd;
		else
			first = fd;
	}
	return listener->count ? 0 : first;
}

static bool is_socket(const char *path)
{
	struct stat about;

	return !lstat(path, &about) && S_ISSOCK(about.st_mode);
}

/* Is there a socket of that name, but nobody behind it? */
static bool is_stale(const char *path, const struct sockaddr_un *name,
		     socklen_t size)
{
	int fd = socket(AF_UNIX, FLAGS, 0);
	bool refused = fd >= 0 &&
		       connect(fd, (const struct sockaddr *)name, size) < 0 &&
		       errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused && is_socket(path);
}

/* A file that is nobody's but ours: what others may have put there, or may lock,
 * is none. */
static bool is_ours(int fd)
{
	struct stat about;

	return !fstat(fd, &about) && S_ISREG(about.st_mode) &&
	       about.st_uid == geteuid() && !(about.st_mode & 077);
}

/* Whether the name still stands for it: who held it before has removed it. */
static bool is_named(int fd, const char *path)
{
	struct stat about, named;

	return !fstat(fd, &about) && !lstat(path, &named) &&
	       about.st_ino == named.st_ino && about.st_dev == named.st_dev;
}

/*
 * Between bind and listen a socket of ours looks like a stale one to the next
 * process of the same server: a lock file beside it keeps that out meanwhile.
 * Returns an fd; -EBUSY: held; -ENOLCK: something else has that name; or another
 * -errno.
 */
static int lock(const char *path)
{
	int fd = open(path,
		      O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		      0600);

	if (fd < 0)
		return errno == ELOOP ? -ENOLCK : -errno;
	int error = !is_ours(fd) ? -ENOLCK
		    : flock(fd, LOCK_EX | LOCK_NB) || !is_named(fd, path)
			    ? -EBUSY
			    : 0;
	if (!error)
		return fd;
	close(fd);
	return error;
}

static void unlock(int fd, const char *path)
{
	unlink(path);
	close(fd);
}

static int open_unix(const char *path)
{
	struct sockaddr_un name;
	socklen_t size = unix_name(path, &name);
	int fd;

	if (!size)
		return -ENAMETOOLONG;
	fd = listen_on(own_fds_take(socket(AF_UNIX, FLAGS, 0)),
		       (struct sockaddr *)&name, size);
	if (fd == -EADDRINUSE && *path != '@' && !is_socket(path))
		return -EEXIST;
	if (fd == -EADDRINUSE && *path != '@' && is_stale(path, &name, size) &&
	    !unlink(path))
		fd = listen_on(own_fds_take(socket(AF_UNIX, FLAGS, 0)),
			       (struct sockaddr *)&name, size);
	return fd;
}

static int open_locked(const char *path)
{
	char beside[PATH_MAX];
	int size = snprintf(beside, sizeof(beside), "%s.lock", path);

	if (size < 0 || (size_t)size >= sizeof(beside))
		return -ENAMETOOLONG;
	int held = lock(beside);
	if (held < 0)
		return held;
	int fd = open_unix(path);
	unlock(held, beside);
	return fd;
}

static int open_name(struct listener *listener, const char *path)
{
	int fd = *path == '@' ? open_unix(path) : open_locked(path);

	if (fd < 0)
		return fd;
	listener->fd[listener->count++] = fd;
	if (*path == '@' || lstat(path, &listener->made))
		memset(&listener->made, 0, sizeof(listener->made));
	return 0;
}

int listener_open(struct listener *listener, const struct tap_config *config,
		  const struct resolver_answer *to)
{
	int error = config->kind == ENDPOINT_UNIX
			    ? open_name(listener, config->address)
			    : open_all(listener, to);

	if (error)
		listener_close(listener, config);
	return error;
}

int listener_accept(const struct listener *listener)
{
	int error = EAGAIN;

	for (size_t i = 0; i < listener->count; i++) {
		int fd = own_fds_take(accept4(listener->fd[i], NULL, NULL,
					      SOCK_CLOEXEC | SOCK_NONBLOCK));
		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != ECONNABORTED)
			error = errno;
	}
	return -error;
}

void listener_close(struct listener *listener, const struct tap_config *config)
{
	struct stat about;

	if (listener->count && listener->made.st_ino &&
	    !lstat(config->address, &about) &&
	    about.st_ino == listener->made.st_ino &&
	    about.st_dev == listener->made.st_dev)
		unlink(config->address);
	while (listener->count)
		own_fds_close(listener->fd[--listener->count]);
}
