/* SPDX-License-Identifier: Apache-2.0
 *
 * Frame Streams files, which dnstap-read and fstrm_dump read.
 *
 * A file is made when the first message is to be logged: PATH is what the
 * server sees by then, with the root directory, the working directory and the
 * rights that it has given itself. Every stream has a file of its own; for
 * their names see fileset.h. After an error, such as a full disk, the stream
 * ends behind its last whole frame, and the next goes into another file.
 */
#include "shim/tap/transport/transport.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/own_fds.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/tap/transport/fileset.h"

#define STOP_SIZE 12 /* octets of the control frame for which room is kept */

struct file {
	struct transport transport;
	uint64_t size;
	uint64_t period; /* of the wall clock, in which it was begun */
	bool linked;     /* as PATH.current, or in vain */
	int link_error;  /* what was said of it last */
	char name[PATH_MAX];
};

static const struct sandbox_call linking[] = {
	{ .number = SYS_symlinkat },
	{ .number = SYS_readlinkat },
	{ .number = SYS_unlinkat },
	{ .number = SYS_renameat },
#ifdef SYS_symlink
	{ .number = SYS_symlink },
	{ .number = SYS_readlink },
	{ .number = SYS_unlink },
	{ .number = SYS_rename },
#endif
	{ .number = -1 },
};

static struct file *file_of(struct transport *transport)
{
	return (struct file *)transport;
}

/* A frame that begins before this is reached may still be written. */
static void set_room(struct file *file)
{
	uint64_t most = file->transport.config->rotate_size;

	file->transport.room = most == 0 ? UINT64_MAX
			       : file->size + STOP_SIZE < most
				       ? most - file->size - STOP_SIZE
				       : 0;
}

/* The wall clock's, which may step either way; of the steady one what is to be
 * waited for. */
static uint64_t current_period(struct transport *transport, uint64_t now_ns)
{
	uint64_t length = transport->config->rotate_period * NS_PER_S;
	uint64_t wall = clock_wall();

	if (!length)
		return 0;
	transport->due = now_ns + length - wall % length;
	return wall / length;
}

static bool file_is_over(struct transport *transport, uint64_t now_ns)
{
	return transport->config->rotate_period &&
	       current_period(transport, now_ns) != file_of(transport)->period;
}

static int file_open(struct transport *transport)
{
	const struct tap_config *config = transport->config;
	struct file *file = file_of(transport);
	int fd = fileset_create(config->address,
				config->timestamps ? clock_wall() : 0,
				file->name, sizeof(file->name));

	if (fd < 0)
		return fd;
	transport->fd = own_fds_take(fd);
	if (transport->fd < 0)
		return -errno;
	file->size = 0;
	file->linked = false;
	file->period = current_period(transport, clock_steady());
	set_room(file);
	snprintf(transport->about, sizeof(transport->about),
		 "writing to %.200s", file->name);
	if (config->rotate_count)
		fileset_prune(config->address, config->rotate_count,
			      transport->fd);
	return 0;
}

static int file_establish(struct transport *transport)
{
	(void)transport;
	return 0;
}

/* The link says which file to read, so there is to be something in it. */
static void link_current(struct file *file)
{
	const struct tap_config *config = file->transport.config;
	int error = sandbox_spares(linking)
			    ? fileset_link(config->address, file->name,
					   (unsigned)process_id())
			    : -EPERM;

	file->linked = true;
	if (error && error != file->link_error)
		log_line(config->socket, "no link to it: %s.current: %s",
			 config->address, strerror(-error));
	file->link_error = error;
}

static ssize_t file_write(struct transport *transport, const void *data,
			  size_t size)
{
	struct file *file = file_of(transport);
	ssize_t n = write(transport->fd, data, size);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -EIO; /* not a thing that files do */
	if (transport->config->current && file->size && !file->linked)
		link_current(file);
	file->size += n;
	set_room(file);
	return n;
}

static void file_cut(struct transport *transport, size_t octets)
{
	struct file *file = file_of(transport);
	uint64_t size = octets < file->size ? file->size - octets : 0;

	if (!ftruncate(transport->fd, (off_t)size))
		file->size = size;
}

static void file_close(struct transport *transport)
{
	struct file *file = file_of(transport);

	if (transport->fd < 0)
		return;
	if (!file->size)
		fileset_remove(file->name, transport->fd);
	own_fds_close(transport->fd);
	transport->fd = -1;
}

const struct transport_ops transport_file = {
	.size = sizeof(struct file),
	.open = file_open,
	.establish = file_establish,
	.write = file_write,
	.is_over = file_is_over,
	.cut = file_cut,
	.close = file_close,
};
