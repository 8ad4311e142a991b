/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening, connecting to a tap again and again, and what becomes of a stream.
 */
#include "cli/read/source.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/read/decompress.h"
#include "cli/read/follow.h"
#include "config/socket.h"
#include "shim/tap/transport/unix.h"

#define RECONNECT_MS 1000
#define FOLLOW_MS    250 /* so often a file that may grow is looked at */

int64_t source_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* flags: AI_PASSIVE for every address where there is no HOST, otherwise it is
 * this machine. */
static int look_up(const char *text, int flags, struct resolver_answer *to)
{
	char *host = strdup(text), *port;
	int error = 0;

	if (!host)
		return -ENOMEM;
	if (socket_cut(host, &port) || !*port)
		error = -EINVAL;
	else if (!cli_is_port(port))
		error = -ERANGE;
	else
		resolver_look_up(host, port, flags, to);
	if (!error && to->error)
		error = -ENOENT;
	free(host);
	return error;
}

static int open_listener(const struct tap_config *config,
			 const struct resolver_answer *to,
			 struct listener **listener)
{
	struct listener *opened = calloc(1, sizeof(*opened));
	int error = opened ? listener_open(opened, config, to) : -ENOMEM;

	if (error)
		free(opened);
	else
		*listener = opened;
	return error;
}

int source_listen_unix(const char *path, mode_t mode,
		       struct listener **listener)
{
	const struct tap_config config = { .kind = ENDPOINT_UNIX,
					   .address = (char *)path };
	int error = *path ? open_listener(&config, NULL, listener) : -ENOENT;

	if (!error && *path != '@' && mode != (mode_t)-1 && chmod(path, mode)) {
		error = -errno;
		source_unlisten(*listener, path);
	}
	return error;
}

int source_listen_tcp(const char *text, struct listener **listener)
{
	static const struct tap_config config = { .kind = ENDPOINT_TCP };
	struct resolver_answer to = { 0 };
	int error = look_up(text, AI_PASSIVE, &to);

	return error ? error : open_listener(&config, &to, listener);
}

void source_unlisten(struct listener *listener, const char *name)
{
	const struct tap_config config = { .address = (char *)name };

	listener_close(listener, &config);
	free(listener);
}

static int find_unix(const char *path, struct resolver_answer *to)
{
	struct resolver_address *address = &to->address[to->count++];

	if (!*path)
		return -ENOENT;
	address->size = unix_name(path, (struct sockaddr_un *)&address->name);
	return address->size ? 0 : -ENAMETOOLONG;
}

int source_find(const char *where, struct outgoing **outgoing)
{
	bool is_unix =
		*where == '@' || strchr(where, '/') || !strchr(where, ':');
	struct outgoing *found = calloc(1, sizeof(*found));
	int error;

	if (!found)
		return -ENOMEM;
	error = is_unix ? find_unix(where, &found->to)
			: look_up(where, 0, &found->to);
	if (error)
		free(found);
	else
		*outgoing = found;
	return error;
}

static int connect_next(struct outgoing *outgoing)
{
	const struct resolver_address *to =
		&outgoing->to.address[outgoing->next];
	int fd = socket(to->name.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error;

	outgoing->next = (outgoing->next + 1) % outgoing->to.count;
	if (fd < 0)
		return -errno;
	if (to->name.ss_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (!connect(fd, (const struct sockaddr *)&to->name, to->size) ||
	    errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* After the last address a pause. */
void source_disconnect(struct source *source)
{
	receiver_release(&source->receiver);
	source->receiver = (struct receiver){ .fd = -1 };
	source->deadline =
		source_clock() + (source->outgoing->next ? 0 : RECONNECT_MS);
}

void source_failed(struct source *source, int error)
{
	source_disconnect(source);
	if (source->outgoing->next || source->outgoing->reported)
		return;
	source->outgoing->reported = true;
	cli_warn("%s: %s; trying again every second", source->name,
		 receiver_error(error));
}

void source_connect(struct source *source, int timeout)
{
	int fd = connect_next(source->outgoing);

	if (fd < 0) {
		source_failed(source, fd);
		return;
	}
	source->receiver = (struct receiver){ .fd = fd, .socket = true };
	source->deadline = timeout ? source_clock() + timeout : 0;
}

void source_connected(struct source *source)
{
	source->outgoing->next = 0;
	source->outgoing->reported = false;
	cli_warn("%s: connection %u", source->name, ++source->number);
}

static bool is_complete(const struct receiver *receiver)
{
	struct stat about;

	if (receiver->fd < 0 ||
	    (receiver->decompress && decompress_is_used(receiver->decompress)))
		return true;
	if (receiver->ended && !receiver->started &&
	    !frames_partial(&receiver->frames))
		return true;
	return !fstat(receiver->fd, &about) && about.st_nlink == 0;
}

bool source_is_over(struct source *source)
{
	if (source->place < follow_count(source->follow) &&
	    is_complete(&source->receiver))
		return true;
	source->resting = true;
	source->deadline = source_clock() + FOLLOW_MS;
	return false;
}

bool source_extent(const struct source *source, uint64_t *at, uint64_t *size)
{
	int fd = source->receiver.fd;
	struct stat about;
	off_t offset;

	if (source->listens || fd < 0 || fstat(fd, &about) ||
	    !S_ISREG(about.st_mode))
		return false;
	offset = lseek(fd, 0, SEEK_CUR);
	*at = offset < 0 ? 0 : (uint64_t)offset;
	*size = (uint64_t)about.st_size;
	return true;
}

void source_rewind(struct source *source)
{
	struct receiver *receiver = &source->receiver;
	struct stat about;
	off_t at = receiver->fd < 0 ? -1 : lseek(receiver->fd, 0, SEEK_CUR);

	if (at < 0 || fstat(receiver->fd, &about) || about.st_size >= at)
		return;
	cli_warn("%s: it has become shorter: reading from its beginning",
		 source->name);
	lseek(receiver->fd, 0, SEEK_SET);
	receiver_restart(receiver);
}

void source_report_end(const struct source *source, int error)
{
	const struct receiver *receiver = &source->receiver;
	char number[32] = "";

	if (source->number)
		snprintf(number, sizeof(number),
			 "connection %u: ", source->number);
	if (receiver->oversize)
		cli_warn("%s: %s%" PRIu64 " frames of more than %d octets "
			 "skipped",
			 source->name, number, receiver->oversize,
			 FRAMES_SIZE_MAX);
	if (error != -ENODATA)
		cli_warn("%s: %s%s, after %" PRIu64 " messages", source->name,
			 number, receiver_error(error), receiver->messages);
	else if (source->number)
		cli_warn("%s: %sclosed after %" PRIu64 " messages",
			 source->name, number, receiver->messages);
}

void source_free(struct source *source)
{
	if (source->listener)
		source_unlisten(source->listener, source->name);
	if (!source->listens)
		receiver_release(&source->receiver);
	free(source->outgoing);
	free(source->name);
	free(source);
}
