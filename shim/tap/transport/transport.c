/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing a transport, and what sockets have in common.
 */
#include "shim/tap/transport/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/own_fds.h"
#include "shim/base/sandbox.h"
#include "shim/tap/transport/progress.h"
#include "shim/tap/transport/tcp.h"
#include "proto/common.h"

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static const struct sandbox_call nothing[] = { { .number = -1 } };

static const struct sandbox_call to_unix[] = {
	{ SYS_socket, { AF_UNIX, SOCKET_FLAGS } },
	{ .number = SYS_connect },
	{ .number = -1 },
};

static const struct sandbox_call to_tcp[] = {
	{ SYS_socket, { AF_INET, SOCKET_FLAGS } },
	{ SYS_socket, { AF_INET6, SOCKET_FLAGS } },
	{ .number = SYS_connect },
	{ .number = SYS_setsockopt },
	{ .number = SYS_getsockopt },
	{ .number = -1 },
};

/* OpenSSL asks for its process, qsort(3) for the machine's memory, and free(3) of
 * much at once for a file of /proc. */
static const struct sandbox_call to_tls[] = {
	{ .number = SYS_getrandom }, { .number = SYS_shutdown },
	{ .number = SYS_getpid },    { .number = SYS_sysinfo },
	{ .number = SYS_openat },    { .number = -1 },
};

static const struct sandbox_call to_file[] = {
	{ .number = SYS_openat },   { .number = SYS_getdents64 },
	{ .number = SYS_flock },    { .number = SYS_ftruncate },
	{ .number = SYS_unlinkat }, { .number = SYS_sysinfo },
#ifdef SYS_unlink
	{ .number = SYS_unlink },
#endif
	{ .number = -1 },
};

static const struct sandbox_call to_listen[] = {
	{ .number = SYS_bind },       { .number = SYS_listen },
	{ .number = SYS_accept4 },    { .number = SYS_getpeername },
	{ .number = SYS_getsockopt }, { .number = -1 },
};

static const struct kind {
	const struct transport_ops *ops;
	const struct sandbox_call *needs, *also;
	bool named; /* its address may be a name */
} kinds[] = {
	[ENDPOINT_UNIX] = { &transport_unix, to_unix, nothing, false },
	[ENDPOINT_TCP] = { &transport_tcp, to_tcp, nothing, true },
	[ENDPOINT_TLS] = { &transport_tls, to_tcp, to_tls, true },
	[ENDPOINT_FILE] = { &transport_file, to_file, nothing, false },
};

_Static_assert(ARRAY_SIZE(kinds) == ENDPOINT_KINDS, "each kind can be opened");

bool transport_allowed(const struct tap_config *config)
{
	const struct kind *kind = &kinds[config->kind];

	return sandbox_spares(kind->needs) && sandbox_spares(kind->also) &&
	       (!kind->named || !tcp_is_name(config->address) ||
		sandbox_spares(sandbox_looking_up)) &&
	       (!config->listen ||
		(sandbox_spares(to_listen) && sandbox_spares(to_file)));
}

int transport_prepare(const struct tap_config *config,
		      struct prepared **prepared, char *error)
{
	const struct transport_ops *ops = kinds[config->kind].ops;

	*prepared = NULL;
	return ops->prepare ? ops->prepare(config, prepared, error) : 0;
}

void transport_unprepare(const struct tap_config *config,
			 struct prepared *prepared)
{
	const struct transport_ops *ops = kinds[config->kind].ops;

	if (ops->unprepare)
		ops->unprepare(prepared);
}

bool transport_is_renewed(const struct tap_config *config,
			  const struct prepared *prepared)
{
	const struct transport_ops *ops = kinds[config->kind].ops;
	char error[TRANSPORT_ERROR_MAX];
	struct prepared *now = NULL;
	bool renewed = prepared && ops->differ &&
		       !ops->prepare(config, &now, error) &&
		       ops->differ(prepared, now);

	if (now)
		ops->unprepare(now);
	return renewed;
}

int transport_try(const struct tap_config *config,
		  const struct prepared *prepared, char *error)
{
	const struct transport_ops *ops = kinds[config->kind].ops;

	return ops->try ? ops->try(config, prepared, error) : 0;
}

struct transport *transport_new(const struct tap_config *config,
				const struct prepared *prepared)
{
	const struct transport_ops *ops = kinds[config->kind].ops;
	struct transport *transport = calloc(1, ops->size);

	if (!transport)
		return NULL;
	transport->ops = ops;
	transport->config = config;
	transport->prepared = prepared;
	transport->fd = -1;
	transport->events = POLLOUT;
	transport->room = transport->due = UINT64_MAX;
	if (!ops->begin || !ops->begin(transport))
		return transport;
	free(transport);
	return NULL;
}

void transport_free(struct transport *transport)
{
	if (!transport)
		return;
	transport->ops->close(transport);
	if (transport->ops->end)
		transport->ops->end(transport);
	free(transport);
}

ssize_t transport_socket_read(struct transport *transport, void *data,
			      size_t size)
{
	ssize_t result = recv(transport->fd, data, size, MSG_DONTWAIT);

	return result < 0 ? -errno : result;
}

ssize_t transport_socket_write(struct transport *transport, const void *data,
			       size_t size)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

	if (transport->progress && sandbox_allows(SYS_sendmmsg)) {
		struct mmsghdr *call =
			progress_call(transport->progress, data, size);

		/* Not musl's function, which notes msg_len by itself. */
		if (syscall(SYS_sendmmsg, transport->fd, call, 1, flags) >= 0)
			return call->msg_len;
		/* Without it, what a dying process was just writing may come
		 * twice. */
		if (errno != ENOSYS)
			return -errno;
	}
	ssize_t result = send(transport->fd, data, size, flags);

	return result < 0 ? -errno : result;
}

void transport_socket_close(struct transport *transport)
{
	if (transport->fd >= 0)
		own_fds_close(transport->fd);
	transport->fd = -1;
}
