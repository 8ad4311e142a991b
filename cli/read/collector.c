/* SPDX-License-Identifier: Apache-2.0
 *
 * What it collects from.
 */
#include "cli/read/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/read/decompress.h"
#include "cli/read/follow.h"
#include "cli/read/source.h"

#define FDS_SPARE 16 /* for the output, stderr, name look-ups */

static size_t fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < 2 * FDS_SPARE)
		return FDS_SPARE;
	return limit.rlim_cur - FDS_SPARE;
}

struct collector *collector_new(const struct collector_events *events,
				int timeout)
{
	struct collector *collector = calloc(1, sizeof(*collector));
	sigset_t set;

	if (!collector)
		return NULL;
	collector->events = *events;
	collector->timeout = timeout;
	collector->limit = fd_limit();
	collector->polled = calloc(COLLECTOR_FIXED, sizeof(*collector->polled));
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	collector->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (collector->polled && collector->signals >= 0)
		return collector;
	collector_free(collector);
	return NULL;
}

/* Makes room in both arrays. */
static int grow(struct collector *collector)
{
	size_t n = collector->n + 1;
	struct source **sources;
	struct pollfd *polled;

	sources = realloc(collector->sources, n * sizeof(struct source *));
	if (!sources)
		return -ENOMEM;
	collector->sources = sources;
	polled = realloc(collector->polled,
			 (n + COLLECTOR_FIXED) * sizeof(*polled));
	if (!polled)
		return -ENOMEM;
	collector->polled = polled;
	return 0;
}

struct source *sources_add(struct collector *collector, const char *name,
			   int fd)
{
	struct source *source = calloc(1, sizeof(*source));

	if (source) {
		source->receiver.fd = fd;
		source->name = strdup(name);
	}
	if (!source || !source->name || grow(collector) < 0) {
		if (source)
			source_free(source);
		else if (fd >= 0)
			close(fd);
		cli_warn("%s: out of memory", name);
		return NULL;
	}
	collector->sources[collector->n++] = source;
	return source;
}

void sources_drop(struct collector *collector, size_t i)
{
	uint64_t at, size;

	if (source_extent(collector->sources[i], &at, &size))
		collector->finished += size;
	source_free(collector->sources[i]);
	collector->sources[i] = collector->sources[--collector->n];
}

static int open_error(const char *name, int error, int status)
{
	const char *why = strerror(-error);

	if (error == -EADDRINUSE)
		why = "another process listens there";
	else if (error == -EBUSY)
		why = "another process is about to listen there";
	else if (error == -ENOLCK)
		why = "what is called PATH.lock is no lock file of ours";
	else if (error == -EEXIST)
		why = "it exists and is no socket";
	else if (error == -EINVAL)
		why = "not an address of the form HOST:PORT or [IPV6]:PORT";
	else if (error == -ERANGE)
		why = "a port is a number from 1 to 65535";
	else if (error == -ENOENT && status != EX_NOINPUT)
		why = "no such host, port or directory";
	cli_warn("%s: %s", *name ? name : "''", why);
	if (error == -EINVAL || error == -ERANGE)
		return EX_USAGE;
	return error == -EACCES || error == -EPERM ? EX_NOPERM : status;
}

void collector_watch(struct collector *collector, int fd,
		     int (*ready)(void *context))
{
	collector->watches[collector->n_watches++] =
		(struct watch){ fd, ready };
}

/* One source for each of its sockets, which the first one owns all. */
static int add_listener(struct collector *collector, const char *name,
			struct listener *listener)
{
	for (size_t i = 0; i < listener->count; i++) {
		struct source *source = sources_add(collector, name, -1);

		if (!source && i == 0)
			source_unlisten(listener, name);
		if (!source)
			return EX_OSERR;
		source->listens = true;
		source->listener = i == 0 ? listener : NULL;
		source->receiver.fd = listener->fd[i];
	}
	cli_warn("listening on %s", name);
	return EX_OK;
}

int collector_unix(struct collector *collector, const char *path, mode_t mode)
{
	struct listener *listener;
	int error = source_listen_unix(path, mode, &listener);

	return error ? open_error(path, error, EX_UNAVAILABLE)
		     : add_listener(collector, path, listener);
}

int collector_tcp(struct collector *collector, const char *address)
{
	struct listener *listener;
	int error = source_listen_tcp(address, &listener);

	return error ? open_error(address, error, EX_UNAVAILABLE)
		     : add_listener(collector, address, listener);
}

/* It stays whoever's it is who opened it, and so does its name. */
int collector_activated(struct collector *collector, int fd)
{
	struct source *source =
		sources_add(collector, "the service's socket", fd);

	if (!source)
		return EX_OSERR;
	source->listens = true;
	return EX_OK;
}

/* The loop makes the first attempt. */
int collector_connect(struct collector *collector, const char *where)
{
	struct outgoing *outgoing;
	int error = source_find(where, &outgoing);
	struct source *source;

	if (error)
		return open_error(where, error, EX_UNAVAILABLE);
	source = sources_add(collector, where, -1);
	if (!source) {
		free(outgoing);
		return EX_OSERR;
	}
	source->outgoing = outgoing;
	source->deadline = source_clock();
	return EX_OK;
}

/* Returns NULL when out of memory, which has been said. */
struct source *sources_add_file(struct collector *collector, const char *name,
				int fd)
{
	struct source *source = sources_add(collector, name, fd);

	if (!source)
		return NULL;
	source->receiver.decompress = decompress_new();
	if (source->receiver.decompress)
		return source;
	cli_no_memory();
	return NULL;
}

int collector_file(struct collector *collector, const char *path)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return open_error(path, -errno, EX_NOINPUT);
	return sources_add_file(collector, standard ? "standard input" : path,
				fd)
		       ? EX_OK
		       : EX_OSERR;
}

static struct follow *add_follow(struct collector *collector, const char *path)
{
	struct follow **follows =
		reallocarray(collector->follows, collector->n_follows + 1,
			     sizeof(struct follow *));
	struct follow *follow = follows ? follow_new(path) : NULL;

	if (follows)
		collector->follows = follows;
	if (follow)
		collector->follows[collector->n_follows++] = follow;
	else
		cli_no_memory();
	return follow;
}

int collector_follow(struct collector *collector, const char *path)
{
	struct follow *follow = add_follow(collector, path);
	struct source *source;
	int fd;

	if (!follow)
		return EX_OSERR;
	fd = follow_first(follow, path);
	if (fd == -EINVAL) {
		cli_warn("%s: only regular files are followed (-F)", path);
		return EX_NOINPUT;
	}
	if (fd < 0)
		return open_error(path, fd, EX_NOINPUT);
	source = sources_add_file(collector, path, fd);
	if (source)
		source->follow = follow;
	return source ? EX_OK : EX_OSERR;
}

bool collector_progress(const struct collector *collector, uint64_t *done,
			uint64_t *total)
{
	*done = *total = collector->finished;
	for (size_t i = 0; i < collector->n; i++) {
		const struct source *source = collector->sources[i];
		uint64_t at, size;

		if (source->follow || !source_extent(source, &at, &size))
			return false;
		*done += at;
		*total += size;
	}
	return true;
}

void collector_free(struct collector *collector)
{
	if (!collector)
		return;
	while (collector->n > 0)
		sources_drop(collector, collector->n - 1);
	while (collector->n_follows > 0)
		follow_free(collector->follows[--collector->n_follows]);
	free(collector->follows);
	if (collector->signals >= 0)
		close(collector->signals);
	free(collector->sources);
	free(collector->polled);
	free(collector);
}
