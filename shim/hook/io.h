/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that carry messages, each once for both its ways: by its name, `by`
 * being the table of real functions, and by its number through syscall(2), `by`
 * being real_by_number.
 *
 * None holds anything across the real call: it is a cancellation point, signals
 * arrive in it and may jump out of it. Where a look at the host's pointers finds
 * one that is bad the call is made as it stands, and the kernel says so.
 */
#pragma once

#include "shim/hook/real.h"

ssize_t io_recvfrom(const struct real_table *by, int fd, void *buffer,
		    size_t size, int flags, struct sockaddr *name,
		    socklen_t *name_size);
ssize_t io_recvmsg(const struct real_table *by, int fd, struct msghdr *message,
		   int flags);
ssize_t io_recvmmsg(const struct real_table *by, int fd, struct mmsghdr *vector,
		    unsigned length, int flags, struct timespec *timeout);
ssize_t io_read(const struct real_table *by, int fd, void *buffer, size_t size);
ssize_t io_readv(const struct real_table *by, int fd, const struct iovec *iov,
		 int count);

ssize_t io_sendto(const struct real_table *by, int fd, const void *buffer,
		  size_t size, int flags, const struct sockaddr *name,
		  socklen_t name_size);
ssize_t io_sendmsg(const struct real_table *by, int fd,
		   const struct msghdr *message, int flags);
ssize_t io_sendmmsg(const struct real_table *by, int fd, struct mmsghdr *vector,
		    unsigned length, int flags);
ssize_t io_write(const struct real_table *by, int fd, const void *buffer,
		 size_t size);
ssize_t io_writev(const struct real_table *by, int fd, const struct iovec *iov,
		  int count);

/* At the offset -1 they are readv and writev with flags; at any other, nothing for
 * sockets. */
ssize_t io_preadv2(const struct real_table *by, int fd, const struct iovec *iov,
		   int count, off_t offset, int flags);
ssize_t io_pwritev2(const struct real_table *by, int fd,
		    const struct iovec *iov, int count, off_t offset,
		    int flags);

/* They move octets that nobody sees. (vmsplice(2), tee(2) and copy_file_range(2)
 * know no sockets.) */
ssize_t io_sendfile(const struct real_table *by, int out, int in, off_t *offset,
		    size_t count);
ssize_t io_splice(const struct real_table *by, int in, off64_t *in_offset,
		  int out, off64_t *out_offset, size_t size, unsigned flags);

/* udp(7): UDP_CORK sends what has been held back, UDP_SEGMENT cuts what is sent. Others
 * say by which way it goes. */
ssize_t io_setsockopt(const struct real_table *by, int fd, int level, int name,
		      const void *value, socklen_t size);
