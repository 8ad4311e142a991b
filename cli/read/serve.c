/* SPDX-License-Identifier: Apache-2.0
 *
 * The poll loop.
 */
#include "cli/read/sources.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/read/follow.h"
#include "cli/read/source.h"

/* What has come since the last look. */
static void follow_on(struct collector *collector, struct follow *follow)
{
	struct source *source;
	char *name;
	int fd;

	while ((fd = follow_next(follow, &name)) >= 0) {
		source = sources_add_file(collector, name, fd);
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
	source = sources_add(collector, listener->name, fd);
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
	sources_drop(collector, i);
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
	sources_drop(collector, i);
}

static void wake(struct collector *collector, size_t i)
{
	struct source *source = collector->sources[i];

	source->resting = false;
	source->deadline = 0;
	source_rewind(source);
	follow_on(collector, source->follow);
	if (source->receiver.fd < 0 && source_is_over(source))
		sources_drop(collector, i);
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

		collector->polled[COLLECTOR_FIXED + i] = (struct pollfd){
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

/* Returns not 0 to end the loop. */
static int serve_watches(struct collector *collector)
{
	int result = 0;

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

	if (poll(collector->polled, n + COLLECTOR_FIXED, timeout) < 0)
		return errno == EINTR ? 0 : -errno;
	result = collector->polled[0].revents ? take_signals(collector) : 0;
	/* Downwards: sources_drop puts the last one in the place of the dropped,
	 * and accepted ones come behind. */
	for (size_t i = n; !result && i-- > 0;)
		if (collector->polled[COLLECTOR_FIXED + i].revents ||
		    receiver_pending(&collector->sources[i]->receiver))
			result = serve(collector, i);
	/* Behind the sources, as a clock may be among them: what there was at its time
	 * is there. */
	if (!result)
		result = serve_watches(collector);
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
