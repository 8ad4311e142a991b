/* SPDX-License-Identifier: Apache-2.0
 *
 * random SEED COUNT TRANSCRIPT [gentle]: so many calls with arguments good and
 * bad, drawn from the seed, on sockets of a network of its own. The transcript
 * tells what each returned, and a checksum of all the memory that it was given.
 * gentle: no pointer is bad, for sanitizers read what they point to.
 *
 * What the kernel might choose, it chooses alike each time: nothing blocks,
 * memory lies at fixed addresses, there is one ephemeral port, and a call is
 * made when all that the calls before it sent has arrived.
 */
#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "host.h"

#define PAGE   4096
#define ARENA  ((uint8_t *)0x100000000)
#define OUTPUT (32UL << 20)
#define FDS    30    /* numbers that calls are made on: 3 and on */
#define UNREAD 30000 /* octets after which all is read */
#define MARK   900   /* and the next two: not for the calls */

static struct output {
	_Atomic size_t used;
	char text[];
} * output;

static void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	output->used += vsnprintf(output->text + output->used,
				  OUTPUT - sizeof(*output) - output->used,
				  format, list);
	va_end(list);
	MUST(output->used < OUTPUT - PAGE);
}

/* splitmix64 */
static uint64_t state;

static unsigned draw(unsigned below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

static bool chance(unsigned of_a_hundred)
{
	return draw(100) < of_a_hundred;
}

#define PICK(...)                                                             \
	((const long[]){ __VA_ARGS__ }[draw(sizeof((long[]){ __VA_ARGS__ }) / \
					    sizeof(long))])

/* The memory that calls are given: its pages are, in turn, there and not there;
 * the last of those that are there can only be read. The address sanitizer has
 * the first place for itself. */
static uint8_t *arena = (uint8_t *)0x100000000;
static unsigned pages = 16; /* few: what calls are given overlaps at times */
static bool gentle;

static uint8_t *page(unsigned number)
{
	return arena + 2UL * PAGE * number;
}

static uint64_t checksum(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < pages; i++)
		for (uint64_t *at = (uint64_t *)page(i);
		     at < (uint64_t *)(page(i) + PAGE); at++)
			sum = (sum ^ *at) * 0x100000001b3;
	return sum;
}

/* Memory of this size: mostly good, often with its end at the end of what is
 * there. Each piece of one call lies in a page of its own. */
static unsigned next_page;

static void *memory(size_t size)
{
	uint8_t *at = page(next_page++ % (pages - 1));

	if (size > PAGE)
		size = PAGE;
	switch (gentle ? 4 + draw(20) : draw(24)) {
	case 0:
		return NULL;
	case 1:
		return (void *)8;
	case 2:
		return at + PAGE - size / 2; /* half of it is not there */
	case 3:
		return page(pages - 1);
	case 4 ... 12:
		return at + PAGE - size;
	default:
		return at + draw(PAGE - size + 1);
	}
}

static bool writable(const void *at)
{
	return (uint8_t *)at >= arena && (uint8_t *)at < page(pages - 1);
}

/* Sets what memory() has given out, as far as it is there. */
static void fill(void *to, const void *from, size_t size)
{
	uintptr_t offset = ((uintptr_t)to - (uintptr_t)arena) % (2 * PAGE);

	if (writable(to) && offset < PAGE)
		memcpy(to, from, size < PAGE - offset ? size : PAGE - offset);
}

static int any_fd(void)
{
	return chance(96) ? 3 + (int)draw(FDS) : (int)PICK(-1, 777, 1 << 30);
}

/* One that something waits at, if there is any. */
static int ready_fd(void)
{
	int from = draw(FDS), waiting = 0;

	for (int i = 0; i < FDS; i++) {
		int fd = 3 + (from + i) % FDS;
		if (!ioctl(fd, FIONREAD, &waiting) && waiting)
			return fd;
	}
	return any_fd();
}

static int kind_of(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) ? -1 : value;
}

static bool is_tcp(int fd)
{
	return kind_of(fd, SO_PROTOCOL) == IPPROTO_TCP;
}

/* Not a stream's MSG_MORE, nor MSG_FASTOPEN: what they hold back, a timer
 * sends. */
static int any_flags(int fd)
{
	int flags = 0;

	if (chance(60))
		return 0;
	for (int i = 0; i < 2; i++)
		flags |= PICK(MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_ERRQUEUE,
			      MSG_DONTWAIT, MSG_OOB, MSG_NOSIGNAL, MSG_CTRUNC,
			      MSG_EOR, MSG_CONFIRM, MSG_MORE, MSG_CMSG_CLOEXEC,
			      MSG_WAITFORONE, MSG_DONTROUTE, 1 << 30);
	return is_tcp(fd) ? flags & ~MSG_MORE : flags;
}

static size_t any_size(void)
{
	return !gentle && chance(4)
		       ? (size_t)PICK(65507, 65508, 70000, 1UL << 31, -1)
	       : chance(50)
		       ? (size_t)PICK(0, 1, 2, 11, 12, 13, 14, 98, 100, 512)
		       : draw(2000);
}

static socklen_t any_name(struct sockaddr_storage *name)
{
	int port = PICK(53, 53, 53, 5300, 5353, 5301, 0);
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	memset(name, 0, sizeof(*name));
	four.sin_addr.s_addr = htonl(0x7f00000b + (chance(70) ? 0 : draw(3)));
	if (chance(5))
		four.sin_family = PICK(AF_UNSPEC, AF_UNIX, 99);
	if (chance(70)) {
		memcpy(name, &four, sizeof(four));
		return sizeof(four);
	}
	if (chance(30)) { /* IPv4-mapped */
		memset(&six.sin6_addr, 0, 10);
		memset(six.sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(six.sin6_addr.s6_addr + 12, &four.sin_addr, 4);
	}
	memcpy(name, &six, sizeof(six));
	return sizeof(six);
}

/* That of a socket there is, if the first that is looked at has one. */
static socklen_t live_name(struct sockaddr_storage *name)
{
	socklen_t size = sizeof(*name);

	memset(name, 0, sizeof(*name));
	if (chance(70) &&
	    !getsockname(3 + draw(FDS), (struct sockaddr *)name, &size) &&
	    (name->ss_family == AF_INET || name->ss_family == AF_INET6))
		return size;
	return any_name(name);
}

/* What is sent looks like a DNS message, or two of a stream. */
static void fill_query(void *to, size_t size)
{
	uint8_t octets[PAGE];

	if (size > sizeof(octets))
		size = sizeof(octets);
	for (size_t i = 0; i < size; i++)
		octets[i] = draw(4) ? 0 : draw(256);
	if (chance(50) && size > 2)
		octets[0] = 0, octets[1] = size / PICK(1, 2) - 2;
	fill(to, octets, size);
}

/* Everything that has been sent is where it will be: what follows it through
 * the loopback has come. The second and third rounds are for what the first has
 * set off. */
static void settle(void)
{
	char mark;

	for (int i = 0; i < 3; i++) {
		MUST(syscall(SYS_write, MARK, "", 1) == 1);
		while (syscall(SYS_read, MARK + 1, &mark, 1) != 1)
			;
	}
}

static size_t unread;

static long told(const char *name, int fd, long result)
{
	int error = result < 0 ? errno : 0;

	if (!error || error == EINPROGRESS)
		settle();
	say("%s %d: %ld %d %016lx\n", name, fd, result, error,
	    (unsigned long)checksum());
	return result;
}

/* A name and the room for it, which is often less than the kernel would need. */
struct named {
	void *name;
	socklen_t *size;
};

static struct named any_room(void)
{
	socklen_t size =
		PICK(0, 1, 2, 4, 8, 15, 16, 16, 16, 24, 28, 28, 128, -1);
	struct named to = { memory(size), memory(sizeof(size)) };

	fill(to.size, &size, sizeof(size));
	return chance(20) ? (struct named){ 0 } : to;
}

struct message {
	struct msghdr *header;
	size_t size;
};

static void any_control(struct msghdr *header, int fd, bool sends)
{
	union {
		struct cmsghdr header;
		uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} made = { 0 };
	int passed = any_fd();

	/* Those that hold each other are collected at some time. */
	if (kind_of(passed, SO_DOMAIN) == AF_UNIX)
		passed = MARK + 2;
	header->msg_controllen = PICK(0, 1, 12, 16, 20, 24, 32, 64, 256);
	header->msg_control = memory(header->msg_controllen);
	if (!sends)
		return;
	header->msg_controllen = CMSG_SPACE(sizeof(int));
	made.header.cmsg_len = CMSG_LEN(sizeof(int));
	made.header.cmsg_level = SOL_SOCKET;
	made.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&made.header), &passed, sizeof(passed));
	if (kind_of(fd, SO_DOMAIN) != AF_UNIX) {
		made.header.cmsg_level = PICK(IPPROTO_IP, IPPROTO_IPV6, 77);
		made.header.cmsg_type = PICK(IP_PKTINFO, IPV6_PKTINFO, IP_TTL);
	}
	header->msg_control = memory(header->msg_controllen);
	fill(header->msg_control, &made, header->msg_controllen);
}

/* Fills a msghdr, which need not lie where it is filled from. */
static void any_message(struct msghdr *header, int fd, bool sends)
{
	struct iovec pieces[4];
	unsigned count = PICK(0, 1, 1, 1, 2, 3, 4);
	struct sockaddr_storage name;

	memset(header, 0, sizeof(*header));
	for (unsigned i = 0; i < count; i++) {
		pieces[i].iov_len = chance(90) ? any_size() % 1000 : any_size();
		pieces[i].iov_base = memory(pieces[i].iov_len);
		if (sends)
			fill_query(pieces[i].iov_base, pieces[i].iov_len);
	}
	header->msg_iovlen =
		gentle || chance(98) ? count : PICK(1024, 1025, -1);
	header->msg_iov = memory(count * sizeof(*pieces));
	fill(header->msg_iov, pieces, count * sizeof(*pieces));
	header->msg_flags = draw(2) * MSG_TRUNC;
	if (chance(60)) {
		header->msg_namelen = live_name(&name);
		if (!gentle && chance(20))
			header->msg_namelen = PICK(0, 2, 8, 16, 128, 1000, -1);
		header->msg_name = memory(header->msg_namelen);
		if (sends)
			fill(header->msg_name, &name, sizeof(name));
	}
	if (chance(40))
		any_control(header, fd, sends);
}

static void *one_message(int fd, bool sends)
{
	struct msghdr header;
	void *at = memory(sizeof(header));

	any_message(&header, fd, sends);
	fill(at, &header, sizeof(header));
	return at;
}

static void *many_messages(int fd, unsigned count, bool sends)
{
	struct mmsghdr list[4] = { 0 };
	void *at = memory(count * sizeof(*list));

	for (unsigned i = 0; i < count; i++)
		any_message(&list[i].msg_hdr, fd, sends);
	fill(at, list, count * sizeof(*list));
	return at;
}

static struct iovec *any_iovec(int fd, int *count, bool sends)
{
	struct msghdr header;

	any_message(&header, fd, sends);
	*count = header.msg_iovlen;
	return header.msg_iov;
}

extern typeof(read) __read;
extern typeof(write) __write;
extern typeof(send) __send;
extern typeof(connect) __connect;
extern typeof(close) __close;
extern typeof(dup2) __dup2;
extern ssize_t __read_chk(int, void *, size_t, size_t);
extern ssize_t __recv_chk(int, void *, size_t, size_t, int);
extern ssize_t __recvfrom_chk(int, void *, size_t, size_t, int,
			      struct sockaddr *, socklen_t *);

#define CALLED(call) (what = #call, (long)(call))

static void receive(void)
{
	int fd = chance(60) ? ready_fd() : any_fd(), flags = any_flags(fd),
	    count;
	size_t size = any_size();
	void *to = memory(size);
	struct named from = any_room();
	struct iovec *iov = any_iovec(fd, &count, false);
	struct timespec *wait = chance(50) ? NULL : memory(sizeof(*wait));
	static const struct timespec none;
	struct timespec soon = { PICK(0, 100, -1), PICK(0, 0, -1) };
	unsigned number = draw(5);
	void *one = one_message(fd, false);
	void *many = many_messages(fd, number, false);
	const char *what;
	long result;

	fill(wait, &soon, sizeof(soon));
	errno = 0;
	switch (draw(19)) {
	case 0:
		result = CALLED(recv(fd, to, size, flags));
		break;
	case 1 ... 3:
		result = CALLED(
			recvfrom(fd, to, size, flags, from.name, from.size));
		break;
	case 4 ... 5:
		result = CALLED(recvmsg(fd, one, flags));
		break;
	case 6 ... 7:
		result = CALLED(recvmmsg(fd, many, number, flags, wait));
		break;
	case 8:
		result = CALLED(read(fd, to, size));
		break;
	case 9:
		result = CALLED(readv(fd, iov, count));
		break;
	case 10:
		result = CALLED(syscall(SYS_recvfrom, fd, to, size, flags,
					from.name, from.size));
		break;
	case 11:
		result = CALLED(syscall(SYS_recvmsg, fd, one, flags));
		break;
	case 12:
		result = CALLED(
			syscall(SYS_recvmmsg, fd, many, number, flags, wait));
		break;
	case 13:
		result = CALLED(syscall(SYS_read, fd, to, size));
		break;
	case 14:
		result = CALLED(syscall(SYS_readv, fd, iov, count));
		break;
	case 15:
		result = CALLED(__read(fd, to, size));
		break;
	case 16:
		result = CALLED(__recv_chk(fd, to, size, size, flags));
		break;
	case 17:
		result = CALLED(__recvfrom_chk(fd, to, size, size, flags,
					       from.name, from.size));
		break;
	default:
		result = CALLED((size % 2 ? preadv2 : preadv64v2)(
			fd, iov, count, -1, PICK(0, 0, 8, 99)));
	}
	fill(wait, &none, sizeof(none)); /* what was left of it */
	told(what, fd, result);
}

static void transmit(void)
{
	int fd = any_fd(), flags = any_flags(fd), count;
	size_t size = any_size();
	struct sockaddr_storage name;
	socklen_t name_size = live_name(&name);
	void *from = memory(size), *to = memory(name_size);
	struct iovec *iov = any_iovec(fd, &count, true);
	unsigned number = draw(5);
	void *one = one_message(fd, true);
	void *many = many_messages(fd, number, true);
	const char *what;
	long result;

	if (is_tcp(fd) && size > 2000)
		size = 2000;
	fill_query(from, size);
	fill(to, &name, name_size);
	if (chance(30))
		to = NULL;
	if (chance(10))
		name_size = PICK(0, 1, 2, 15, 28, 128, 129, -1);
	errno = 0;
	switch (draw(17)) {
	case 0 ... 3:
		result = CALLED(sendto(fd, from, size, flags, to, name_size));
		break;
	case 4:
		result = CALLED(send(fd, from, size, flags));
		break;
	case 5 ... 6:
		result = CALLED(sendmsg(fd, one, flags));
		break;
	case 7:
		result = CALLED(sendmmsg(fd, many, number, flags));
		break;
	case 8:
		result = CALLED(write(fd, from, size));
		break;
	case 9:
		result = CALLED(writev(fd, iov, count));
		break;
	case 10:
		result = CALLED(syscall(SYS_sendto, fd, from, size, flags, to,
					name_size));
		break;
	case 11:
		result = CALLED(syscall(SYS_sendmsg, fd, one, flags));
		break;
	case 12:
		result = CALLED(syscall(SYS_sendmmsg, fd, many, number, flags));
		break;
	case 13:
		result = CALLED(syscall(SYS_write, fd, from, size));
		break;
	case 14:
		result = CALLED(__send(fd, from, size, flags));
		break;
	case 15:
		result = CALLED((size % 2 ? pwritev2 : pwritev64v2)(
			fd, iov, count, -1, PICK(0, 0, 99)));
		break;
	default:
		result = CALLED((size % 2 ? sendfile : sendfile64)(
			fd, MARK + 2, NULL, size % 3000));
	}
	unread += result > 0 ? result : 0;
	told(what, fd, result);
}

static void options(int fd)
{
	static const struct {
		int level, name;
	} list[] = { { IPPROTO_IP, IP_PKTINFO },
		     { IPPROTO_IP, IP_RECVERR },
		     { IPPROTO_IPV6, IPV6_RECVPKTINFO },
		     { IPPROTO_IPV6, IPV6_RECVERR },
		     { IPPROTO_UDP, UDP_SEGMENT },
		     { IPPROTO_UDP, UDP_GRO } };
	unsigned at = draw(ARRAY_SIZE(list));
	int value = list[at].name == UDP_SEGMENT ? PICK(0, 60, 200) : draw(2);

	setsockopt(fd, list[at].level, list[at].name, &value, sizeof(value));
}

/* The next to be connected from, also of children: the kernel keeps for some time
 * what they have used, and lets go of it when a timer says so. */
static int *port;

/* A socket, mostly one that can be used at once. */
static void make(void)
{
	int domain =
		chance(75) ? AF_INET : PICK(AF_INET6, AF_INET6, AF_UNIX, 99);
	int type = chance(95) ? PICK(SOCK_DGRAM, SOCK_DGRAM, SOCK_STREAM)
			      : PICK(SOCK_SEQPACKET, 77);
	int protocol = chance(95) ? 0 : PICK(IPPROTO_TCP, 200);
	struct sockaddr_storage name;
	socklen_t size = any_name(&name);
	int on = 1;

	errno = 0;
	int fd = chance(80) ? socket(domain, type | SOCK_NONBLOCK, protocol)
			    : (int)syscall(SYS_socket, domain,
					   type | SOCK_NONBLOCK, 0);
	told("socket", fd, fd);
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (is_tcp(fd))
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (chance(50))
		options(fd);
	if (is_tcp(fd) && chance(50)) {
		struct sockaddr_in own = {
			AF_INET, htons((*port)++), { 0 }, { 0 }
		};

		bind(fd, (struct sockaddr *)&own, sizeof(own));
		size = live_name(&name);
		told("connect", fd,
		     connect(fd, (struct sockaddr *)&name, size));
		return;
	}
	if (chance(80))
		told("bind", fd, bind(fd, (struct sockaddr *)&name, size));
	if (is_tcp(fd) && chance(80))
		told("listen", fd, listen(fd, 64));
}

/* What was accepted must not block. */
static long accepted(long fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void join(void)
{
	int fd = any_fd();
	struct sockaddr_storage name;
	socklen_t size = live_name(&name);
	void *to = memory(size);
	struct named from = any_room();
	const char *what;
	long result;

	fill(to, &name, size);
	if (chance(10))
		size = PICK(0, 2, 15, 128, 129, -1);
	errno = 0;
	switch (draw(9)) {
	case 0:
		result = CALLED(bind(fd, to, size));
		break;
	case 1 ... 2:
		result = CALLED(connect(fd, to, size));
		break;
	case 3:
		result = CALLED(__connect(fd, to, size));
		break;
	case 4:
		result = CALLED(syscall(SYS_connect, fd, to, size));
		break;
	case 5:
		result = CALLED(accepted(accept(fd, from.name, from.size)));
		break;
	case 6:
		result = CALLED(accepted(accept4(
			fd, from.name, from.size,
			PICK(0, SOCK_CLOEXEC, SOCK_NONBLOCK, 1 << 20))));
		break;
	case 7:
		result = CALLED(accepted(
			syscall(SYS_accept4, fd, from.name, from.size, 0)));
		break;
	default:
		result = CALLED(shutdown(fd, draw(4)));
	}
	told(what, fd, result);
}

static void mark(void)
{
	struct sockaddr_in name[2] = {
		{ AF_INET, htons(MARK), { 0 }, { 0 } },
		{ AF_INET, htons(MARK + 1), { 0 }, { 0 } }
	};

	if (fcntl(MARK, F_GETFD) >= 0)
		return;
	for (int i = 0; i < 2; i++) {
		int fd = syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);

		name[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		MUST(syscall(SYS_dup3, fd, MARK + i, 0) == MARK + i);
		MUST(!syscall(SYS_close, fd));
		MUST(!bind(MARK + i, (struct sockaddr *)&name[i],
			   sizeof(*name)));
	}
	MUST(!connect(MARK, (struct sockaddr *)&name[1], sizeof(*name)));
	int fd = memfd_create("file", 0);
	MUST(!ftruncate(fd, PAGE));
	MUST(dup3(fd, MARK + 2, 0) == MARK + 2);
	MUST(!close(fd));
}

static void close_some(void)
{
	int first = 3 + draw(FDS), last = first + (int)draw(4);
	const char *what;
	long result = 0;

	errno = 0;
	switch (draw(4)) {
	case 0:
		result = CALLED(close_range(first, last, 0));
		break;
	case 1:
		result = CALLED(close_range(
			first, last, PICK(CLOSE_RANGE_CLOEXEC, 1 << 20, -1)));
		break;
	case 2:
		result = CALLED(syscall(SYS_close_range, last, first, 0));
		break;
	default:
		what = "closefrom";
		if (chance(20))
			closefrom(first + 10);
		mark();
	}
	told(what, first, result);
}

static void number(void)
{
	int fd = any_fd(), other = any_fd();
	const char *what;
	long result;
	FILE *file;

	errno = 0;
	switch (draw(16)) {
	case 0 ... 1:
		result = CALLED(dup(fd));
		break;
	case 2 ... 3:
		result = CALLED(dup2(fd, other));
		break;
	case 4:
		result = CALLED(__dup2(fd, other));
		break;
	case 5:
		result = CALLED(dup3(fd, other, PICK(0, O_CLOEXEC, 12345)));
		break;
	case 6:
		result = CALLED(syscall(SYS_dup3, fd, other, 0));
		break;
	case 7:
		result = CALLED(fcntl(fd, F_DUPFD, PICK(0, 3, 20, -1)));
		break;
	case 8:
		result = CALLED(fcntl64(fd, F_DUPFD_CLOEXEC, 10));
		break;
	case 9:
		result = CALLED(syscall(SYS_fcntl, fd, F_DUPFD, 3));
		break;
	case 10:
		result = CALLED(fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND));
		break;
	case 11:
		result = CALLED(close(fd));
		break;
	case 12:
		result = CALLED(__close(fd));
		break;
	case 13:
		result = CALLED(syscall(SYS_close, fd));
		break;
	case 14:
		file = fdopen(fd, "r+");
		result = CALLED(file ? fclose(file) : -1);
		break;
	default:
		close_some();
		return;
	}
	told(what, fd, result);
}

static void pairs(void)
{
	int *made = memory(2 * sizeof(int));
	int flags = SOCK_NONBLOCK | PICK(0, SOCK_CLOEXEC);
	const char *what;
	long result;

	errno = 0;
	switch (draw(3)) {
	case 0:
		result = CALLED(
			socketpair(AF_UNIX, SOCK_DGRAM | flags, 0, made));
		break;
	case 1:
		result = CALLED(
			socketpair(AF_UNIX, SOCK_STREAM | flags, 0, made));
		break;
	default:
		result = CALLED(pipe2(made, O_NONBLOCK));
	}
	told(what, 0, result);
}

static void plumb(void)
{
	int from = any_fd(), to = any_fd();
	const char *what;

	errno = 0;
	long result = chance(50)
			      ? CALLED(splice(from, NULL, to, NULL, 1000,
					      SPLICE_F_NONBLOCK))
			      : CALLED(tee(from, to, 1000, SPLICE_F_NONBLOCK));
	told(what, from, result);
}

static void ask(void)
{
	struct sockaddr_storage name = { 0 };
	socklen_t size = sizeof(name);
	int fd = any_fd(), waiting = 0;

	errno = 0;
	told("getsockname", fd,
	     getsockname(fd, (struct sockaddr *)&name, &size));
	say("  %d %d\n", size, ntohs(((struct sockaddr_in *)&name)->sin_port));
	told("getpeername", fd,
	     getpeername(fd, (struct sockaddr *)&name, &size));
	told("FIONREAD", fd, ioctl(fd, FIONREAD, &waiting));
	say("  %d\n", waiting);
	options(fd);
}

/* Reads and accepts all that waits. */
static void drain(void)
{
	static uint8_t octets[70000];
	long result;

	for (int fd = 3; fd < 3 + FDS; fd++) {
		for (int i = 0; i < 20; i++) {
			errno = 0;
			result = read(fd, octets, sizeof(octets));
			if (result <= 0)
				break;
			say("drained %d: %ld\n", fd, result);
		}
		while ((result = accepted(accept(fd, NULL, NULL))) >= 0) {
			say("accepted %d: %ld\n", fd, result);
		}
	}
	told("close_range", 0, close_range(3 + FDS, MARK - 1, 0));
	unread = 0;
}

static void play(unsigned count);

/* A child that goes on for a while, or one that shares its parent's memory. */
static void divide(void)
{
	bool shares = chance(50), closes = chance(50);
	pid_t child = shares ? vfork() : fork();
	int status;

	if (!child && shares)
		_exit(closes ? 10 + close(3) : 3);
	if (!child) {
		play(20);
		_exit(7);
	}
	MUST(waitpid(child, &status, 0) == child);
	told("child", 0, status);
}

static const struct action {
	void (*go)(void);
	unsigned often;
} actions[] = {
	{ receive, 420 }, { transmit, 300 }, { make, 70 },  { join, 90 },
	{ number, 60 },   { pairs, 10 },     { plumb, 10 }, { ask, 30 },
	{ drain, 8 },     { divide, 2 },
};

static void play(unsigned count)
{
	while (count--) {
		const struct action *action = actions;
		unsigned at = draw(1000);

		if (unread > UNREAD)
			drain();
		for (; at >= action->often; action++)
			at -= action->often;
		action->go();
	}
}

#define FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE)

static void setting(const char *name, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	int fd = open(path, O_WRONLY);
	MUST(write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	MUST(!close(fd));
}

static void prepare(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct rlimit none = { 0 };
	cpu_set_t one;

	MUST(!unshare(CLONE_NEWNET));
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(!ioctl(fd, SIOCSIFFLAGS, &lo));
	MUST(!close(fd));
	setting("ip_local_port_range", "40000 40000");
	setting("tcp_tw_reuse", "0"); /* which depends on a port's age */
	/* What the loopback carries keeps its order on one processor. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	MUST(!sched_setaffinity(0, sizeof(one), &one));
	MUST(!setrlimit(RLIMIT_CORE, &none));
	if (mmap(arena, PAGE, PROT_NONE, FIXED, -1, 0) != arena)
		arena = (uint8_t *)0x200000000000;
	munmap(arena, PAGE);
	for (unsigned i = 0; i < pages; i++)
		MUST(mmap(page(i), PAGE, PROT_READ | PROT_WRITE, FIXED, -1,
			  0) == page(i));
	MUST(!mprotect(page(pages - 1), PAGE, PROT_READ));
	port = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(port != MAP_FAILED);
	*port = 20000;
	mark();
	signal(SIGPIPE, SIG_IGN);
	alarm(120);
}

static void begin(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	MUST(!ftruncate(fd, OUTPUT));
	output = mmap(NULL, OUTPUT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(output != MAP_FAILED);
	MUST(!close(fd));
}

int main(int argc, char **argv)
{
	MUST(argc >= 4);
	gentle = argc > 4;
	if (gentle)
		pages = 64;
	state = strtoul(argv[1], NULL, 0);
	begin(argv[3]);
	prepare();
	for (int i = 0; i < FDS; i++)
		make();
	play(strtoul(argv[2], NULL, 0));
	say("the end\n");
	switch (draw(4)) {
	case 0:
		_exit(5);
	case 1:
		abort();
	case 2:
		exit(6);
	default:
		return 7;
	}
}
