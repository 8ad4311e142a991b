/* SPDX-License-Identifier: Apache-2.0
 *
 * Collectors on unix stream sockets, in the file system or abstract (@name).
 */
#include "shim/tap/transport/unix.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/base/own_fds.h"
#include "shim/base/root.h"
#include "shim/tap/transport/transport.h"

socklen_t unix_name(const char *path, struct sockaddr_un *name)
{
	size_t size = strlen(path);

	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (size >= sizeof(name->sun_path))
		return 0;
	memcpy(name->sun_path, path, size);
	if (*path == '@')
		name->sun_path[0] = '\0';
	else
		size++; /* the path's NUL belongs to it */
	return offsetof(struct sockaddr_un, sun_path) + size;
}

/* It is the collector that makes the socket. */
static void explain_absent(struct transport *transport)
{
	snprintf(transport->error, TRANSPORT_ERROR_MAX,
		 "No such file or directory: the collector that makes it is to "
		 "be started%s",
		 root_has_changed() ? ", and to make it in the chroot that "
				      "this process is in"
				    : "");
}

static int unix_open(struct transport *transport)
{
	struct sockaddr_un to;
	socklen_t size = unix_name(transport->config->address, &to);

	if (!size)
		return -ENAMETOOLONG;
	int fd = own_fds_take(
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd < 0) {
		if (errno == EAFNOSUPPORT)
			snprintf(transport->error, TRANSPORT_ERROR_MAX,
				 "no unix sockets in this sandbox, see "
				 "RestrictAddressFamilies= in systemd.exec(5)");
		return -errno;
	}
	if (connect(fd, (struct sockaddr *)&to, size)) {
		/* EAGAIN: the collector's backlog is full; no event would tell
		 * when it no longer is. */
		int error = errno == EAGAIN ? EBUSY : errno;
		own_fds_close(fd);
		if (error == ENOENT)
			explain_absent(transport);
		return -error;
	}
	transport->fd = fd;
	return 0;
}

static int unix_establish(struct transport *transport)
{
	(void)transport;
	return 0;
}

const struct transport_ops transport_unix = {
	.size = sizeof(struct transport),
	.open = unix_open,
	.establish = unix_establish,
	.read = transport_socket_read,
	.write = transport_socket_write,
	.close = transport_socket_close,
};
