/* SPDX-License-Identifier: Apache-2.0
 *
 * The poll loop.
 */
#include "cli/read/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
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

/* What is polled before the sources: the signals, and what others watch. */
#define FIXED (1 + COLLECTOR_WATCHES)

struct watch {
	int fd;
	int (*ready)(void *context);
};

struct collector {
	struct collector_events events;
	struct watch watches[COLLECTOR_WATCHES];
	size_t n_watches;
	int timeout;
	int signals;
	int status;
	size_t n, limit;
	struct source **sources;
	uint64_t finished; /* octets of files that were read */
	size_t n_follows;
	struct follow **follows;
	struct pollfd
		*polled; /* `signals`, watches; [FIXED + i] is sources[i] */
};

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
	collector->polled = calloc(FIXED, sizeof(*collector->polled));
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
	polled = realloc(collector->polled, (n + FIXED) * sizeof(*polled));
	if (!polled)
		return -ENOMEM;
	collector->polled = polled;
	return 0;
}

/* Owns the fd from here on, also when it fails. */
static struct source *add(struct collector *collector, const char *name, int fd)
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

static void drop(struct collector *collector, size_t i)
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
		struct source *source = add(collector, name, -1);

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
	struct source *source = add(collector, "the service's socket", fd);

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
	source = add(collector, where, -1);
	if (!source) {
		free(outgoing);
		return EX_OSERR;
	}
	source->outgoing = outgoing;
	source->deadline = source_clock();
	return EX_OK;
}

/* Returns NULL when out of memory, which has been said. */
static struct source *add_file(struct collector *collector, const char *name,
			       int fd)
{
	struct source *source = add(collector, name, fd);

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
	return add_file(collector, standard ? "standard input" : path, fd)
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
	source = add_file(collector, path, fd);
	if (source)
		source->follow = follow;
	return source ? EX_OK : EX_OSERR;
}

/* What has come since the last look. */
static void follow_on(struct collector *collector, struct follow *follow)
{
	struct source *source;
	char *name;
	int fd;

	while ((fd = follow_next(follow, &name)) >= 0) {
		source = add_file(collector, name, fd);
		free(name);
		if (!source)
			return;
		source->follow = follow;
		source->place = follow_count(follow);
	}
}

static void accept_one(struct collector *collector, struct source *listener)
{
	int flags = SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;
	int fd = accept4(listener->receiver.fd, NULL, NULL, flags);
	struct source *source;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	source = add(collector, listener->name, fd);
	if (!source)
		return;
	source->receiver.socket = true;
	source->number = ++listener->connections;
	if (collector->timeout)
		source->deadline = source_clock() + collector->timeout;
	cli_warn("%s: connection %u", source->name, source->number);
}

/* Lets a stream go, or has it connected again. */
static void end(struct collector *collector, size_t i, int error)
{
	struct source *source = collector->sources[i];
	const struct receiver *receiver = &source->receiver;

	if (source->outgoing && !receiver->started && !receiver->ended) {
		source_failed(source, error);
		return;
	}
	source_report_end(source, error);
	if (source->outgoing) {
		source_disconnect(source);
		return;
	}
	if (!source->number && (error != -ENODATA || receiver->oversize))
		collector->status = EX_DATAERR;
	if (source->follow) {
		/* Others may come in its place. */
		receiver_release(&source->receiver);
		if (!source_is_over(source))
			return;
	}
	drop(collector, i);
}

/* Of a file that may grow. */
static void at_end(struct collector *collector, size_t i, int error)
{
	struct source *source = collector->sources[i];

	if (!source_is_over(source))
		return;
	source_report_end(source, error);
	if (error != -ENODATA || source->receiver.oversize)
		collector->status = EX_DATAERR;
	drop(collector, i);
}

static void wake(struct collector *collector, size_t i)
{
	struct source *source = collector->sources[i];

	source->resting = false;
	source->deadline = 0;
	source_rewind(source);
	follow_on(collector, source->follow);
	if (source->receiver.fd < 0 && source_is_over(source))
		drop(collector, i);
}

/* One source that has something to read. Returns not 0 to end the loop. */
static int serve(struct collector *collector, size_t i)
{
	struct source *source = collector->sources[i];
	bool started = source->receiver.started;
	int result;

	if (source->listens) {
		accept_one(collector, source);
		return 0;
	}
	result = receiver_read(&source->receiver, collector->events.frame,
			       collector->events.context);
	if (source->outgoing && !started &&
	    (source->receiver.started || source->receiver.ended))
		source_connected(source);
	if (source->receiver.started)
		source->deadline = 0;
	if (source->follow && (result == -EPIPE || result == -ENODATA))
		at_end(collector, i, result);
	else if (result < 0)
		end(collector, i, result);
	return result > 0 ? result : 0;
}

static int take_signals(struct collector *collector)
{
	struct signalfd_siginfo info;
	int result = 0;

	while (!result && read(collector->signals, &info, sizeof(info)) > 0)
		result = collector->events.signal(collector->events.context,
						  (int)info.ssi_signo);
	return result;
}

static void prepare_fixed(struct collector *collector)
{
	collector->polled[0] =
		(struct pollfd){ .fd = collector->signals, .events = POLLIN };
	for (size_t i = 0; i < COLLECTOR_WATCHES; i++)
		collector->polled[1 + i] = (struct pollfd){
			.fd = i < collector->n_watches
				      ? collector->watches[i].fd
				      : -1,
			.events = POLLIN,
		};
}

/* The time to wait, ms: until the earliest deadline. */
static int time_to(int64_t earliest)
{
	int64_t now;

	if (earliest == INT64_MAX)
		return -1;
	now = source_clock();
	return earliest > now ? (int)(earliest - now) : 0;
}

/* Fills the array for poll(2). Returns the time to wait: none if a source has
 * something already. Listeners rest while there is no descriptor for another
 * sender. */
static int prepare(struct collector *collector)
{
	bool full = collector->n >= collector->limit;
	int64_t earliest = INT64_MAX;

	prepare_fixed(collector);
	for (size_t i = 0; i < collector->n; i++) {
		const struct source *source = collector->sources[i];

		collector->polled[FIXED + i] = (struct pollfd){
			.fd = (source->listens && full) || source->resting
				      ? -1
				      : source->receiver.fd,
			.events = POLLIN,
		};
		if (receiver_pending(&source->receiver))
			earliest = 0;
		else if (source->deadline && source->deadline < earliest)
			earliest = source->deadline;
	}
	return time_to(earliest);
}

static void expire(struct collector *collector)
{
	int64_t now = source_clock();

	for (size_t i = collector->n; i-- > 0;) {
		struct source *source = collector->sources[i];

		if (!source->deadline || source->deadline > now)
			continue;
		if (source->resting)
			wake(collector, i);
		else if (source->outgoing && source->receiver.fd < 0)
			source_connect(source, collector->timeout);
		else
			end(collector, i, -ETIME);
	}
}

/* Signals and what is watched. Returns not 0 to end the loop. */
static int serve_fixed(struct collector *collector)
{
	int result = collector->polled[0].revents ? take_signals(collector) : 0;

	for (size_t i = 0; !result && i < collector->n_watches; i++)
		if (collector->polled[1 + i].revents)
			result = collector->watches[i].ready(
				collector->events.context);
	return result;
}

static int poll_once(struct collector *collector)
{
	int timeout = prepare(collector);
	size_t n = collector->n;
	int result;

	if (poll(collector->polled, n + FIXED, timeout) < 0)
		return errno == EINTR ? 0 : -errno;
	result = serve_fixed(collector);
	/* Downwards: drop() puts the last one in the place of the dropped,
	 * and accepted ones come behind. */
	for (size_t i = n; !result && i-- > 0;)
		if (collector->polled[FIXED + i].revents ||
		    receiver_pending(&collector->sources[i]->receiver))
			result = serve(collector, i);
	if (timeout >= 0)
		expire(collector);
	return result;
}

int collector_run(struct collector *collector)
{
	int result = 0;

	while (!result && (collector->n > 0 || collector->n_watches > 0)) {
		result = poll_once(collector);
		if (!result)
			result = collector->events.idle(
				collector->events.context);
	}
	return collector->status;
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
		drop(collector, collector->n - 1);
	while (collector->n_follows > 0)
		follow_free(collector->follows[--collector->n_follows]);
	free(collector->follows);
	if (collector->signals >= 0)
		close(collector->signals);
	free(collector->sources);
	free(collector->polled);
	free(collector);
}
