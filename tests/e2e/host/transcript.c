/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes every hooked call in every way, on the sockets of a DNS server and of
 * its client, and prints all that comes back.
 */
#include <linux/close_range.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "host.h"

#define ROOM 600
#define MANY 1024 /* UIO_MAXIOV */

extern ssize_t __recv_chk(int, void *, size_t, size_t, int);
extern ssize_t __recvfrom_chk(int, void *, size_t, size_t, int,
			      struct sockaddr *, socklen_t *);
extern ssize_t __read_chk(int, void *, size_t, size_t);
extern typeof(send) __send;
#ifdef __aarch64__ /* for programs of old */
__asm__(".symver __send, __send@GLIBC_2.17");
#endif
extern typeof(read) __read;
extern typeof(write) __write;
extern typeof(close) __close;
extern typeof(dup2) __dup2;
extern typeof(connect) __connect;
extern typeof(fcntl) __fcntl;

static const char *situation = "";
static int server, client; /* the client's is connected to the server's */
static unsigned char space[ROOM];

/* All that a receiving call returns. */
static struct {
	struct sockaddr_storage name;
	socklen_t size;
	int flags;
	size_t control;
	unsigned length;
} got;

static void say(const char *what, long result)
{
	int error = errno;

	printf("%s: %s = %ld", situation, what, result);
	if (result < 0)
		printf(" %s", strerrorname_np(error));
	else if (error)
		printf(" (%s)", strerrorname_np(error));
	putchar('\n');
	errno = 0;
}

#define SAY(call) (errno = 0, say(#call, (long)(call)))

static unsigned sum(const void *data, size_t size)
{
	const unsigned char *octet = data;
	unsigned value = 1;

	while (size--)
		value = value * 31 + *octet++;
	return value;
}

/* A message that is scattered over `count` pieces of `octets`. */
static struct msghdr *message(void *octets, size_t size, size_t count)
{
	static char control[256];
	static struct iovec iov[MANY + 1];
	static struct msghdr made;

	for (size_t i = 0; i < count; i++)
		iov[i] = (struct iovec){ (char *)octets + i,
					 octets && i < size };
	iov[count - 1].iov_len = size >= count ? size - count + 1 : size;
	made = (struct msghdr){
		.msg_name = &got.name,
		.msg_namelen = got.size,
		.msg_iov = iov,
		.msg_iovlen = count,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	return &made;
}

static ssize_t received(struct msghdr *m, ssize_t result)
{
	got.size = m->msg_namelen;
	got.flags = m->msg_flags;
	got.control = m->msg_controllen;
	return result;
}

typedef ssize_t way(int fd, void *octets, size_t size, int flags);

#define WAY(name) \
	static ssize_t name(int fd, void *octets, size_t size, int flags)
#define NAME (struct sockaddr *)&got.name

WAY(by_recv)
{
	return recv(fd, octets, size, flags);
}

WAY(by_recv_chk)
{
	return __recv_chk(fd, octets, size, ROOM, flags);
}

WAY(by_recvfrom)
{
	return recvfrom(fd, octets, size, flags, NAME, &got.size);
}

WAY(by_recvfrom_chk)
{
	return __recvfrom_chk(fd, octets, size, ROOM, flags, NAME, &got.size);
}

WAY(by_recvfrom_null)
{
	return recvfrom(fd, octets, size, flags, NULL, NULL);
}

WAY(by_recvmsg)
{
	struct msghdr *m = message(octets, size, 1);

	return received(m, recvmsg(fd, m, flags));
}

WAY(by_recvmsg_many)
{
	struct msghdr *m = message(octets, size, MANY);

	return received(m, recvmsg(fd, m, flags));
}

WAY(by_recvmsg_bare)
{
	struct msghdr *m = message(octets, size, 1);

	m->msg_name = m->msg_control = NULL;
	m->msg_namelen = m->msg_controllen = 0;
	return received(m, recvmsg(fd, m, flags));
}

WAY(by_recvmmsg)
{
	struct mmsghdr list[3] = { { .msg_hdr = *message(octets, size, 1) } };

	int result = recvmmsg(fd, list, 1, flags, NULL);
	got.length = list[0].msg_len;
	return received(&list[0].msg_hdr, result);
}

WAY(by_read)
{
	return flags ? -2 : read(fd, octets, size);
}

WAY(by___read)
{
	return flags ? -2 : __read(fd, octets, size);
}

WAY(by_read_chk)
{
	return flags ? -2 : __read_chk(fd, octets, size, ROOM);
}

WAY(by_readv)
{
	return flags ? -2 : readv(fd, message(octets, size, 5)->msg_iov, 5);
}

WAY(by_sys_recvfrom)
{
	return syscall(SYS_recvfrom, fd, octets, size, flags, NAME, &got.size);
}

WAY(by_sys_recvmsg)
{
	struct msghdr *m = message(octets, size, 7);

	return received(m, syscall(SYS_recvmsg, fd, m, flags));
}

WAY(by_sys_recvmmsg)
{
	struct mmsghdr list[1] = { { .msg_hdr = *message(octets, size, 1) } };

	int result = syscall(SYS_recvmmsg, fd, list, 1, flags, NULL);
	got.length = list[0].msg_len;
	return received(&list[0].msg_hdr, result);
}

WAY(by_sys_read)
{
	return flags ? -2 : syscall(SYS_read, fd, octets, size);
}

WAY(by_sys_readv)
{
	return flags ? -2
		     : syscall(SYS_readv, fd, message(octets, size, 2)->msg_iov,
			       2);
}

WAY(by_send)
{
	return send(fd, octets, size, flags);
}

WAY(by___send)
{
	return __send(fd, octets, size, flags);
}

WAY(by_sendto)
{
	return sendto(fd, octets, size, flags, NAME, got.size);
}

WAY(by_sendto_null)
{
	return sendto(fd, octets, size, flags, NULL, 0);
}

static struct msghdr *outgoing(void *octets, size_t size, size_t count)
{
	struct msghdr *m = message(octets, size, count);

	m->msg_control = NULL;
	m->msg_controllen = 0;
	if (!got.size)
		m->msg_name = NULL;
	return m;
}

WAY(by_sendmsg)
{
	return sendmsg(fd, outgoing(octets, size, 3), flags);
}

WAY(by_sendmsg_many)
{
	return sendmsg(fd, outgoing(octets, size, MANY), flags);
}

WAY(by_sendmsg_more)
{
	return sendmsg(fd, outgoing(octets, size, MANY + 1), flags);
}

WAY(by_sendmmsg)
{
	struct mmsghdr list[2] = { { *outgoing(octets, size, 1), 0 },
				   { { .msg_namelen = 1 }, 0 } };
	int result = sendmmsg(fd, list, 2, flags);

	got.length = list[0].msg_len;
	return result;
}

WAY(by_write)
{
	return flags ? -2 : write(fd, octets, size);
}

WAY(by___write)
{
	return flags ? -2 : __write(fd, octets, size);
}

WAY(by_writev)
{
	return flags ? -2 : writev(fd, outgoing(octets, size, 4)->msg_iov, 4);
}

WAY(by_sys_sendto)
{
	return syscall(SYS_sendto, fd, octets, size, flags, NAME, got.size);
}

WAY(by_sys_sendmsg)
{
	return syscall(SYS_sendmsg, fd, outgoing(octets, size, 3), flags);
}

WAY(by_sys_sendmmsg)
{
	struct mmsghdr list[1] = { { *outgoing(octets, size, 1), 0 } };

	return syscall(SYS_sendmmsg, fd, list, 1, flags);
}

WAY(by_sys_write)
{
	return flags ? -2 : syscall(SYS_write, fd, octets, size);
}

WAY(by_sys_writev)
{
	return flags ? -2
		     : syscall(SYS_writev, fd,
			       outgoing(octets, size, 2)->msg_iov, 2);
}

struct named {
	const char *name;
	way *go;
};

#define NAMED(name)         \
	{                   \
#name, name \
	}

static const struct named receiving[] = {
	NAMED(by_recv),         NAMED(by_recv_chk),      NAMED(by_recvfrom),
	NAMED(by_recvfrom_chk), NAMED(by_recvfrom_null), NAMED(by_recvmsg),
	NAMED(by_recvmsg_many), NAMED(by_recvmsg_bare),  NAMED(by_recvmmsg),
	NAMED(by_read),         NAMED(by___read),        NAMED(by_read_chk),
	NAMED(by_readv),        NAMED(by_sys_recvfrom),  NAMED(by_sys_recvmsg),
	NAMED(by_sys_recvmmsg), NAMED(by_sys_read),      NAMED(by_sys_readv),
	{ NULL, NULL },
};

static const struct named sending[] = {
	NAMED(by_send),         NAMED(by___send),       NAMED(by_sendto),
	NAMED(by_sendto_null),  NAMED(by_sendmsg),      NAMED(by_sendmsg_many),
	NAMED(by_sendmsg_more), NAMED(by_sendmmsg),     NAMED(by_write),
	NAMED(by___write),      NAMED(by_writev),       NAMED(by_sys_sendto),
	NAMED(by_sys_sendmsg),  NAMED(by_sys_sendmmsg), NAMED(by_sys_write),
	NAMED(by_sys_writev),   { NULL, NULL },
};

/* A query, or an answer if it leads from the server. */
static unsigned char query[ROOM] = { 1, 2, 0, 0, 0, 1 };

/* Receives in each way; `fill` is called before each. */
static void receive(const char *what, int fd, void (*fill)(void), size_t size,
		    int flags)
{
	static const struct itimerval never;

	situation = what;
	for (const struct named *by = receiving; by->name; by++) {
		if (fill)
			fill();
		memset(space, 0x55, sizeof(space));
		memset(&got, 0, sizeof(got));
		got.size = sizeof(got.name);
		errno = 0;
		say(by->name, by->go(fd, space, size, flags));
		setitimer(ITIMER_REAL, &never, NULL);
		printf("  %u %u %d %d %zu %u\n", sum(space, sizeof(space)),
		       sum(&got.name, sizeof(got.name)), got.size, got.flags,
		       got.control, got.length);
	}
	/* What was only looked at, or cut. */
	while (recv(fd, space, sizeof(space), MSG_DONTWAIT) >= 0 && fill)
		;
}

static void transmit(const char *what, int fd, const struct sockaddr_in *to,
		     void *octets, size_t size, int flags)
{
	situation = what;
	for (const struct named *by = sending; by->name; by++) {
		memset(&got, 0, sizeof(got));
		if (to) {
			memcpy(&got.name, to, sizeof(*to));
			got.size = sizeof(*to);
		}
		errno = 0;
		say(by->name, by->go(fd, octets, size, flags));
		printf("  %u\n", got.length);
	}
	while (recv(client, space, sizeof(space), MSG_DONTWAIT) >= 0)
		;
}

static void ask(void)
{
	MUST(syscall(SYS_sendto, client, query, 100, 0, NULL, 0) == 100);
}

static void ask_empty(void)
{
	MUST(syscall(SYS_sendto, client, query, 0, 0, NULL, 0) == 0);
}

static void answer(void)
{
	struct sockaddr_in to;
	socklen_t size = sizeof(to);

	MUST(!getsockname(client, (struct sockaddr *)&to, &size));
	MUST(sendto(server, query, 99, 0, (struct sockaddr *)&to, size) == 99);
}

static struct sockaddr_in address(int port)
{
	struct sockaddr_in made = { .sin_family = AF_INET,
				    .sin_port = htons(port) };

	MUST(inet_pton(AF_INET, ADDRESS, &made.sin_addr) == 1);
	return made;
}

static void interrupt(int number)
{
	(void)number;
}

/* The next call that waits is interrupted: again and again, as the first time may
 * come before it waits. */
static void alarm_soon(void)
{
	struct itimerval soon = { { .tv_usec = 5000 }, { .tv_usec = 5000 } };

	setitimer(ITIMER_REAL, &soon, NULL);
}

static void datagrams(void)
{
	struct sockaddr_in peer = address(5300), nobody = address(5301);
	struct sockaddr_in wildcard = { .sin_family = AF_INET };
	int on = 1;

	server = host_udp();
	client = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name = address(53);
	situation = "udp";
	SAY(bind(client, (struct sockaddr *)&peer, sizeof(peer)));
	SAY(bind(client, (struct sockaddr *)&peer, sizeof(peer)));
	SAY(connect(client, (struct sockaddr *)&name, 3));
	SAY(connect(client, NULL, 16));
	SAY(connect(client, (struct sockaddr *)&name, sizeof(name)));
	SAY(__connect(client, (struct sockaddr *)&name, sizeof(name)));
	SAY(setsockopt(server, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)));

	receive("queries", server, ask, ROOM, 0);
	receive("answers", client, answer, ROOM, 0);
	receive("empty", server, ask_empty, ROOM, 0);
	receive("no room", server, ask, 0, 0);
	receive("cut", server, ask, 20, 0);
	receive("cut, real length", server, ask, 20, MSG_TRUNC);
	receive("peek", server, ask, ROOM, MSG_PEEK);
	receive("peek at length", server, ask, 0, MSG_PEEK | MSG_TRUNC);
	receive("wait all", server, ask, ROOM, MSG_WAITALL);
	receive("nothing there", server, NULL, ROOM, MSG_DONTWAIT);
	receive("interrupted", server, alarm_soon, ROOM, 0);
	receive("out of band", server, ask, ROOM, MSG_OOB);
	receive("no errors", server, NULL, ROOM, MSG_ERRQUEUE);
	receive("odd flags", server, ask, ROOM, 0x40000000 | MSG_DONTWAIT);
	receive("no fd", -1, NULL, ROOM, 0);
	receive("closed fd", 777, NULL, ROOM, 0);
	receive("high fd", 1 << 30, NULL, ROOM, 0);

	transmit("answer", server, &peer, query, 100, 0);
	transmit("ask", client, NULL, query, 100, 0);
	transmit("empty", server, &peer, query, 0, 0);
	transmit("short", server, &peer, query, 5, 0);
	transmit("unaddressed", server, NULL, query, 100, 0);
	transmit("to port 0", server, &wildcard, query, 100, 0);
	transmit("confirm", server, &peer, query, 100,
		 MSG_CONFIRM | MSG_NOSIGNAL | MSG_DONTWAIT);
	transmit("out of band", server, &peer, query, 100, MSG_OOB);
	transmit("too long", server, &peer, query, 1 << 20, 0);
	transmit("bad octets", server, &peer, (void *)8, 100, 0);
	transmit("no fd", -1, &peer, query, 100, 0);

	SAY(setsockopt(server, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)));
	situation = "errors";
	SAY(sendto(server, query, 50, 0, (struct sockaddr *)&nobody,
		   sizeof(nobody)));
	receive("refused", server, NULL, ROOM, MSG_ERRQUEUE | MSG_DONTWAIT);
}

static void pointers(void)
{
	struct mmsghdr list[4] = { 0 };
	struct timespec soon = { 0, 5000000 }, bad = { 0, -1 };
	struct sockaddr_in name;
	socklen_t size = 3;

	situation = "pointers";
	ask();
	SAY(recv(server, (void *)8, 100, 0));
	ask();
	SAY(recvfrom(server, space, ROOM, 0, (void *)8, &size));
	ask();
	SAY(recvfrom(server, space, ROOM, 0, (struct sockaddr *)&name,
		     (void *)8));
	ask();
	SAY(recvfrom(server, space, ROOM, 0, (struct sockaddr *)&name, NULL));
	ask();
	SAY(recvfrom(server, space, ROOM, 0, (struct sockaddr *)&name, &size));
	SAY(size);
	SAY(recvmsg(server, HOST_BAD(NULL, message(space, ROOM, 1)),
		    MSG_DONTWAIT));
	SAY(sendmsg(server, HOST_BAD((void *)8, NULL), 0));
	SAY(recvmmsg(server, HOST_BAD(NULL, list), 3, MSG_DONTWAIT, NULL));
	SAY(recvmmsg(server, list, 0, MSG_DONTWAIT, NULL));
	SAY(recvmmsg(server, list, 4, 0, &bad));
	ask();
	ask();
	SAY(recvmmsg(server, list, 4, MSG_WAITFORONE, &soon));
	ask();
	SAY(recvmmsg(server, list, 4, 0, &soon));
	SAY(soon.tv_sec);
	SAY(sendmmsg(client, list, 0, 0));
	SAY(sendmmsg(client, NULL, 2, 0));
	SAY(sendmmsg(client, list, 4, 0));
	SAY(readv(server, NULL, 0));
	SAY(readv(server, (void *)8, 2));
	SAY(readv(server, NULL, -1));
	SAY(writev(client, (void *)8, MANY + 1));
	SAY(syscall(SYS_recvmmsg, server, NULL, 0, MSG_DONTWAIT, NULL));
	SAY(syscall(SYS_sendmmsg, client, NULL, 0, 0));
	SAY(syscall(-1, 1, 2, 3, 4, 5, 6));
	SAY(syscall(100000));
}

static bool is_of(int accepted, int connecting)
{
	struct sockaddr_in peer, name;
	socklen_t size = sizeof(name);

	MUST(!getpeername(accepted, (struct sockaddr *)&peer, &size));
	MUST(!getsockname(connecting, (struct sockaddr *)&name, &size));
	return peer.sin_port == name.sin_port;
}

static void streams(void)
{
	struct sockaddr_in name = address(53), nobody = address(5301);
	struct linger reset = { 1, 0 };
	int listener = host_socket(SOCK_STREAM), away;
	socklen_t size = sizeof(name);

	close(client);
	close(server);
	situation = "tcp";
	client = socket(AF_INET, SOCK_STREAM, 0);
	SAY(connect(client, (struct sockaddr *)&nobody, sizeof(nobody)));
	SAY(accept4(HOST_BAD(listener, -1), NULL, NULL, 0x40000000));
	SAY(connect(client, (struct sockaddr *)&name, sizeof(name)));
	SAY(connect(client, (struct sockaddr *)&name, sizeof(name)));
	SAY(accept(listener, (struct sockaddr *)8, &size));
	away = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	SAY(connect(away, (struct sockaddr *)&name, sizeof(name)));
	server = accept4(listener, NULL, &size, SOCK_CLOEXEC);
	SAY(server >= 0);
	/* qemu-user looks at the pointer first, so the other is still there. */
	while (!is_of(server, away)) {
		syscall(SYS_close, server);
		server = accept4(listener, NULL, &size, SOCK_CLOEXEC);
	}
	SAY(accept(client, NULL, NULL));
	SAY(accept(-1, NULL, NULL));
	client = away;
	query[0] = 0; /* a length of 98 */
	query[1] = 98;

	receive("tcp queries", server, ask, ROOM, 0);
	receive("tcp peek", server, ask, ROOM, MSG_PEEK);
	receive("tcp discards", server, ask, ROOM, MSG_TRUNC);
	receive("tcp in pieces", server, ask, 7, 0);
	receive("tcp nothing", server, NULL, ROOM, MSG_DONTWAIT);
	receive("tcp interrupted", server, alarm_soon, ROOM, 0);
	transmit("tcp answer", server, NULL, query, 100, 0);
	transmit("tcp more", server, NULL, query, 100, MSG_MORE);
	transmit("tcp fd", listener, NULL, query, 100, MSG_NOSIGNAL);
	situation = "tcp end";
	SAY(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
	SAY(close(client));
	receive("tcp reset", server, NULL, ROOM, 0);
	transmit("tcp broken", server, NULL, query, 100, MSG_NOSIGNAL);
	close(listener);
	close(server);
}

static void descriptors(void)
{
	int pair[2];

	situation = "fds";
	SAY(socket(AF_INET, 77, 0));
	SAY(socket(-1, SOCK_DGRAM, 0));
	SAY(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
	SAY(socketpair(AF_UNIX, SOCK_DGRAM, 0, NULL));
	SAY(socketpair(AF_INET, SOCK_DGRAM, 0, pair));
	SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	SAY(close(pair[0]));
	SAY(__close(pair[0]));
	SAY(syscall(SYS_close, pair[0]));
	SAY(close(-1));
	SAY(dup(pair[1]) >= 0);
	SAY(dup(-1));
	SAY(dup2(pair[1], pair[1]) - pair[1]);
	SAY(dup2(-1, -1));
	SAY(dup2(900, 901));
	SAY(dup2(pair[1], 900));
	SAY(__dup2(pair[1], 901));
	SAY(dup2(pair[1], -5));
	SAY(dup3(pair[1], pair[1], 0));
	SAY(dup3(pair[1], 902, O_CLOEXEC));
	SAY(dup3(pair[1], 902, 12345));
	SAY(syscall(SYS_dup3, pair[1], 903, 0));
	SAY(fcntl(902, F_GETFD));
	SAY(fcntl(pair[1], F_DUPFD, 910));
	SAY(fcntl64(pair[1], F_DUPFD_CLOEXEC, 910));
	SAY(__fcntl(pair[1], F_SETFL, O_NONBLOCK));
	SAY(fcntl(pair[1], F_GETFL));
	SAY(fcntl(pair[1], 12345, 1));
	SAY(fcntl(-1, F_GETFL));
	SAY(close_range(910, 911, 0));
	SAY(close_range(20, 10, 0));
	SAY(close_range(900, 903, 1 << 20));
	SAY(close_range(900, 901, CLOSE_RANGE_CLOEXEC));
	SAY(fcntl(900, F_GETFD));
	SAY(syscall(SYS_close_range, 900, 903, 0));
	errno = 0;
	closefrom(5);
	say("closefrom", 0);
	SAY(fcntl(pair[1], F_GETFD));
}

int main(void)
{
	struct sigaction action = { .sa_handler = interrupt };

	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	sigaction(SIGALRM, &action, NULL);
	datagrams();
	pointers();
	streams();
	descriptors();
	fflush(stdout);
	return 0;
}
