/* SPDX-License-Identifier: Apache-2.0
 *
 * A library that is preloaded behind ours, and within a call of the host's makes
 * others, from as little stack as there can be.
 */
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/uio.h>

static unsigned char octets[512];

/* Before it sends an answer it takes the next query, and answers that. */
ssize_t sendto(int fd, const void *data, size_t size, int flags,
	       const struct sockaddr *name, socklen_t name_size)
{
	static ssize_t (*next)(int, const void *, size_t, int,
			       const struct sockaddr *, socklen_t);
	static struct iovec iov;
	static struct msghdr message;

	if (!next)
		next = (__typeof__(next))dlsym(RTLD_NEXT, "sendto");
	ssize_t n = recv(fd, octets, sizeof(octets), 0);
	if (n < 12)
		return -1;
	octets[2] |= 0x80;
	iov = (struct iovec){ octets, n };
	message = (struct msghdr){ .msg_name = (void *)name,
				   .msg_namelen = name_size,
				   .msg_iov = &iov,
				   .msg_iovlen = 1 };
	if (sendmsg(fd, &message, flags) != n)
		return -1;
	return next(fd, data, size, flags, name, name_size);
}
