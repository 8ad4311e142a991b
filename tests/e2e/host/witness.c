/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded in front of the library: writes down what every call on an Internet
 * socket gave to the host and took from it. harness/witness.py reads it.
 *
 * The record lies in a file that all processes of a tree map: no fd that a host
 * could close, and what a killed process wrote is there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ROOM (1UL << 30) /* sparse */

/* WITNESS in harness/witness.py. */
struct record {
	_Atomic uint32_t size; /* with the octets; 0: still being written */
	uint32_t length;       /* octets that crossed */
	uint64_t inode;        /* tells sockets apart, whatever their numbers */
	uint64_t began, ended; /* of the call: CLOCK_REALTIME, ns */
	uint32_t cut;          /* octets discarded, as far as known */
	uint8_t sent, stream, spare[2];
	struct sockaddr_in6 local, remote; /* a family of 0: not known */
	uint8_t octets[];
};

static struct space {
	_Atomic uint64_t used;
	uint8_t records[];
} * space;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * 1000000000UL + time.tv_nsec;
}

/* One call, as far as it is known before it is made: another thread may close
 * the fd while it waits. */
struct call {
	struct record found;
	bool watched;
	int fd;
};

static struct call before(int fd, bool sent)
{
	struct call call = { .found.sent = sent, .fd = fd };
	struct record *found = &call.found;
	socklen_t size = sizeof(found->local);
	int saved = errno, type = 0;
	struct stat status;

	if (space && !fstat(fd, &status) && S_ISSOCK(status.st_mode) &&
	    !getsockname(fd, (struct sockaddr *)&found->local, &size))
		call.watched = found->local.sin6_family == AF_INET ||
			       found->local.sin6_family == AF_INET6;
	if (call.watched) {
		found->inode = status.st_ino;
		size = sizeof(type);
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
		found->stream = type == SOCK_STREAM;
		/* Unlike getpeername() it knows after a reset, too; it wants
		 * the size to be right. */
		size = found->local.sin6_family == AF_INET
			       ? sizeof(struct sockaddr_in)
			       : sizeof(struct sockaddr_in6);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &found->remote,
			       &size))
			memset(&found->remote, 0, sizeof(found->remote));
		found->began = now();
	}
	errno = saved;
	return call;
}

static void copy(uint8_t *to, const struct iovec *iov, size_t length)
{
	for (; length; iov++) {
		size_t part = iov->iov_len < length ? iov->iov_len : length;

		memcpy(to, iov->iov_base, part);
		to += part;
		length -= part;
	}
}

/* length: what the call returned for this message. */
static void after(struct call *call, const struct msghdr *message,
		  ssize_t length)
{
	int saved = errno;
	size_t room = 0;
	socklen_t size;

	if (!call->watched || length < 0)
		return;
	for (size_t i = 0; i < message->msg_iovlen; i++)
		room += message->msg_iov[i].iov_len;
	struct record found = call->found;
	found.length = (size_t)length < room ? (size_t)length : room;
	found.cut = length - found.length;
	/* A connection has no other peer than its own, whatever is passed;
	 * but the first octets may open it (RFC 7413). */
	if (message->msg_name && message->msg_namelen &&
	    !(found.stream && found.remote.sin6_family))
		memcpy(&found.remote, message->msg_name,
		       message->msg_namelen < sizeof(found.remote)
			       ? message->msg_namelen
			       : sizeof(found.remote));
	size = sizeof(found.local);
	if (!found.local.sin6_port)
		getsockname(call->fd, (struct sockaddr *)&found.local, &size);
	found.ended = now();
	size = (sizeof(found) + found.length + 7) & ~7U;
	uint64_t at = atomic_fetch_add(&space->used, size);
	if (at + size > ROOM - sizeof(*space))
		abort();
	struct record *record = (void *)(space->records + at);
	memcpy((uint8_t *)record + sizeof(size),
	       (uint8_t *)&found + sizeof(size), sizeof(found) - sizeof(size));
	copy(record->octets, message->msg_iov, found.length);
	atomic_store_explicit(&record->size, size, memory_order_release);
	errno = saved;
}

static void after_buffer(struct call *call, const void *buffer, size_t size,
			 const void *name, socklen_t name_size, ssize_t length)
{
	struct iovec iov = { (void *)buffer, size };
	struct msghdr message = { .msg_name = (void *)name,
				  .msg_namelen = name ? name_size : 0,
				  .msg_iov = &iov,
				  .msg_iovlen = 1 };

	after(call, &message, length);
}

static void after_iovec(struct call *call, const struct iovec *iov, int count,
			ssize_t length)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = count };

	after(call, &message, length);
}

static void after_vector(struct call *call, const struct mmsghdr *vector,
			 int count)
{
	for (int i = 0; i < count; i++)
		after(call, &vector[i].msg_hdr, vector[i].msg_len);
}

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

/* The function of that name behind this one. */
#define NEXT(name)                 \
	static typeof(name) *real; \
	if (!real)                 \
	real = (typeof(name) *)next(#name)

#define NOT_CONSUMED (MSG_PEEK | MSG_ERRQUEUE)

static struct call receives(int fd, int flags)
{
	return flags & NOT_CONSUMED ? (struct call){ 0 } : before(fd, false);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	NEXT(recv);
	struct call call = receives(fd, flags);
	ssize_t result = real(fd, buffer, size, flags);
	after_buffer(&call, buffer, size, NULL, 0, result);
	return result;
}

ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags,
		 struct sockaddr *restrict name, socklen_t *restrict name_size)
{
	NEXT(recvfrom);
	struct call call = receives(fd, flags);
	ssize_t result = real(fd, buffer, size, flags, name, name_size);
	after_buffer(&call, buffer, size, name, name ? *name_size : 0, result);
	return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	NEXT(recvmsg);
	struct call call = receives(fd, flags);
	ssize_t result = real(fd, message, flags);
	after(&call, message, result);
	return result;
}

int recvmmsg(int fd, struct mmsghdr *vector, unsigned int length, int flags,
	     struct timespec *timeout)
{
	NEXT(recvmmsg);
	struct call call = receives(fd, flags);
	int result = real(fd, vector, length, flags, timeout);
	after_vector(&call, vector, result);
	return result;
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	NEXT(send);
	struct call call = before(fd, true);
	ssize_t result = real(fd, buffer, size, flags);
	after_buffer(&call, buffer, size, NULL, 0, result);
	return result;
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags,
	       const struct sockaddr *name, socklen_t name_size)
{
	NEXT(sendto);
	struct call call = before(fd, true);
	ssize_t result = real(fd, buffer, size, flags, name, name_size);
	after_buffer(&call, buffer, size, name, name_size, result);
	return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	NEXT(sendmsg);
	struct call call = before(fd, true);
	ssize_t result = real(fd, message, flags);
	after(&call, message, result);
	return result;
}

int sendmmsg(int fd, struct mmsghdr *vector, unsigned int length, int flags)
{
	NEXT(sendmmsg);
	struct call call = before(fd, true);
	int result = real(fd, vector, length, flags);
	after_vector(&call, vector, result);
	return result;
}

#define BUFFER_CALL(name, type, sends)                              \
	ssize_t name(int fd, type buffer, size_t size)              \
	{                                                           \
		NEXT(name);                                         \
		struct call call = before(fd, sends);               \
		ssize_t result = real(fd, buffer, size);            \
		after_buffer(&call, buffer, size, NULL, 0, result); \
		return result;                                      \
	}
#define IOVEC_CALL(name, sends)                                  \
	ssize_t name(int fd, const struct iovec *iov, int count) \
	{                                                        \
		NEXT(name);                                      \
		struct call call = before(fd, sends);            \
		ssize_t result = real(fd, iov, count);           \
		after_iovec(&call, iov, count, result);          \
		return result;                                   \
	}

ssize_t __read(int, void *, size_t);
ssize_t __write(int, const void *, size_t);
BUFFER_CALL(read, void *, false)
BUFFER_CALL(__read, void *, false)
BUFFER_CALL(write, const void *, true)
BUFFER_CALL(__write, const void *, true)
IOVEC_CALL(readv, false)
IOVEC_CALL(writev, true)

/* What programs built with _FORTIFY_SOURCE call instead. */
ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict buffer, size_t size, size_t room,
		       int flags, struct sockaddr *restrict name,
		       socklen_t *restrict name_size);

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
	NEXT(__read_chk);
	struct call call = before(fd, false);
	ssize_t result = real(fd, buffer, size, room);
	after_buffer(&call, buffer, size, NULL, 0, result);
	return result;
}

ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
	NEXT(__recv_chk);
	struct call call = receives(fd, flags);
	ssize_t result = real(fd, buffer, size, room, flags);
	after_buffer(&call, buffer, size, NULL, 0, result);
	return result;
}

ssize_t __recvfrom_chk(int fd, void *restrict buffer, size_t size, size_t room,
		       int flags, struct sockaddr *restrict name,
		       socklen_t *restrict name_size)
{
	NEXT(__recvfrom_chk);
	struct call call = receives(fd, flags);
	ssize_t result = real(fd, buffer, size, room, flags, name, name_size);
	after_buffer(&call, buffer, size, name, name ? *name_size : 0, result);
	return result;
}

/* Until the constructor has run: an allocator may be asking. */
static long early_syscall(long number, long a, long b, long c, long d, long e,
			  long f)
{
	long result;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	result = x0;
#endif
	if ((unsigned long)result < -4095UL)
		return result;
	errno = -result;
	return -1;
}

/* Declared variadic; a function of seven longs is called alike. */
#define syscall witness_syscall
typedef long syscall_type(long, long, long, long, long, long, long);
extern syscall_type witness_syscall __asm__("syscall");
static syscall_type *real_syscall = early_syscall;

static bool carries(long number, bool *sends, int *flags, long c, long d)
{
	*flags = 0;
	*sends = false;
	switch (number) {
	case SYS_recvfrom:
	case SYS_recvmmsg:
		*flags = d;
		return true;
	case SYS_recvmsg:
		*flags = c;
		return true;
	case SYS_read:
	case SYS_readv:
		return true;
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_write:
	case SYS_writev:
		*sends = true;
		return true;
	default:
		return false;
	}
}

long witness_syscall(long number, long a, long b, long c, long d, long e,
		     long f)
{
	struct call call;
	bool sends;
	int flags;

	if (!carries(number, &sends, &flags, c, d))
		return real_syscall(number, a, b, c, d, e, f);
	call = sends ? before(a, true) : receives(a, flags);
	long result = real_syscall(number, a, b, c, d, e, f);
	switch (number) {
	case SYS_recvfrom:
		after_buffer(&call, (void *)b, c, (void *)e,
			     e ? *(socklen_t *)f : 0, result);
		break;
	case SYS_sendto:
		after_buffer(&call, (void *)b, c, (void *)e, f, result);
		break;
	case SYS_read:
	case SYS_write:
		after_buffer(&call, (void *)b, c, NULL, 0, result);
		break;
	case SYS_readv:
	case SYS_writev:
		after_iovec(&call, (void *)b, c, result);
		break;
	case SYS_recvmsg:
	case SYS_sendmsg:
		after(&call, (void *)b, result);
		break;
	default:
		after_vector(&call, (void *)b, result);
	}
	return result;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("WITNESS");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	void *mapped = MAP_FAILED;

	real_syscall = (syscall_type *)next("syscall");
	if (fd >= 0 && !ftruncate(fd, ROOM))
		mapped = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0);
	if (fd >= 0)
		close(fd);
	if (mapped == MAP_FAILED)
		abort();
	space = mapped;
}
